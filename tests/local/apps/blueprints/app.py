"""Handlers in blueprints, with middleware for all of them."""

import time

from boto3.session import Session
from chalice import Chalice, Response
from chalicelib import realtime
from chalicelib.routes.admin import admin
from chalicelib.routes.items import items

app = Chalice(app_name="blueprints")
app.debug = True
app.experimental_feature_flags.update(["BLUEPRINTS", "WEBSOCKETS"])
app.websocket_api.session = Session()


@app.middleware("all")
def timing(event, get_response):
    started = time.monotonic()
    response = get_response(event)
    app.log.debug("took %s", time.monotonic() - started)
    return response


@app.middleware("http")
def errors(event, get_response):
    try:
        response = get_response(event)
    except LookupError as error:
        return Response({"error": str(error)}, status_code=422)
    response.headers["X-Version"] = "7"
    return response


@app.middleware("websocket")
def only_text(event, get_response):
    if event.body == "forbidden":
        return {"statusCode": 400}
    return get_response(event)


@app.on_ws_connect()
def connect(event):
    app.log.info("new connection %s", event.connection_id)


@app.on_ws_message()
def message(event):
    realtime.answer(app.websocket_api, event)


app.register_blueprint(items, url_prefix="/items")
app.register_blueprint(admin, url_prefix="/admin", name_prefix="admin_")

"""An app that sends messages back, in the form of the smallest Chalice apps."""

import os
from collections.abc import Callable
from typing import Any

from boto3.session import Session
from chalice import Chalice, WebsocketDisconnectedError
from chalice.app import WebsocketEvent
from chalicelib.jobs import jobs

app = Chalice(app_name="parrot")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = Session()
app.register_blueprint(jobs, name_prefix="job_")


@app.middleware("all")
def refuse_silence(event: Any, get_response: Callable[[Any], Any]) -> Any:
    if isinstance(event, WebsocketEvent) and event.body == "":
        return {"statusCode": 200}
    return get_response(event)


@app.route("/health")
def health() -> dict[str, bool]:
    return {"ok": True}


@app.on_ws_message()
def repeat(event: WebsocketEvent) -> None:
    to = event.connection_id
    try:
        if event.body == "bye":
            app.websocket_api.send(to, "bye")
            app.websocket_api.close(to)
        elif event.body == "who am I":
            info = app.websocket_api.info(to)
            app.websocket_api.send(to, info["Identity"]["UserAgent"])
        else:
            loud = os.environ.get("MANNER") == "loud"
            app.websocket_api.send(to, event.body.upper() if loud else event.body)
    except WebsocketDisconnectedError:
        app.log.info("%s has gone", to)

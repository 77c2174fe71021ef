"""A service in a subfolder, with modules whose names are common."""

import local
import project
from boto3.session import Session
from chalice import Chalice
from chalicelib import NAMES
from common import greet

app = Chalice(app_name="ws")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = Session()


@app.on_ws_message()
def message(event):
    known = event.body in NAMES
    app.websocket_api.send(event.connection_id, greet(event.body) if known else local.STRANGER)


@app.route("/version")
def version():
    return {"version": project.VERSION}

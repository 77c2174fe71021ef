"""An app with no more than the load needs: an echo, and a broadcast to all connections.

The connection ids are files in a folder. The generated app's chalicelib is copied beside this
file for its sender.
"""

import json
import os
from pathlib import Path

from chalice import Chalice
from chalice.app import WebsocketEvent
from chalicelib import sender
from chalicelib.aws import Invocation, session

app = Chalice(app_name="bare")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = session

STORE = Path(os.environ["STORE"])


@app.on_ws_connect()
def connect(event: WebsocketEvent) -> None:
    (STORE / event.connection_id).touch()


@app.on_ws_disconnect()
def disconnect(event: WebsocketEvent) -> None:
    (STORE / event.connection_id).unlink(missing_ok=True)


@app.on_ws_message()
def message(event: WebsocketEvent) -> None:
    request = json.loads(event.body)
    reply = json.dumps({"data": request["data"], "connectionId": event.connection_id})
    if request["action"] == "echo":
        app.websocket_api.send(event.connection_id, reply)
    else:
        invocation = Invocation.from_event(event)
        everyone = [(path.name, invocation.endpoint or "") for path in STORE.iterdir()]
        sender.send(reply.encode(), everyone, invocation.deadline)

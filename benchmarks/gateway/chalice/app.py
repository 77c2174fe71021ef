"""The least that the load needs: an id in a folder, an echo, and a broadcast to all of them.

It broadcasts through the generated app's own sender, which is put beside it as chalicelib.
"""

import json
import os
from pathlib import Path

from chalice import Chalice
from chalice.app import WebsocketEvent
from chalicelib import sender as fanout
from chalicelib.aws import endpoint, session

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
        everyone = [(path.name, endpoint(event)) for path in STORE.iterdir()]
        fanout.deliver(reply.encode(), everyone, fanout.deadline(event.context))

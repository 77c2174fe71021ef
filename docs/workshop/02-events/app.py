"""An echo that prints the events of API Gateway."""

import json

from boto3.session import Session
from chalice import Chalice

app = Chalice(app_name="workshop")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = Session()

USAGE = 'send JSON such as {"action": "echo", "data": "hello"}'


@app.on_ws_connect()
def connect(event):
    show(event)


@app.on_ws_message()
def message(event):
    show(event)
    try:
        frame = json.loads(event.body)
        reply = {"type": "echo", "data": frame["data"]}
    except (KeyError, TypeError, ValueError):
        reply = {"type": "error", "message": USAGE}
    app.websocket_api.send(event.connection_id, json.dumps(reply))


@app.on_ws_disconnect()
def disconnect(event):
    show(event)


def show(event):
    print({name: value for name, value in event.to_dict().items() if name != "requestContext"})
    for name in ("eventType", "routeKey", "connectionId", "disconnectStatusCode"):
        print(f"  {name}: {event.to_dict()['requestContext'].get(name)}")

"""An app in which everybody hears everybody."""

import json
import os
from functools import cache

import boto3
from chalice import Chalice, WebsocketDisconnectedError

app = Chalice(app_name="workshop")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.session.Session()

USAGE = 'send JSON such as {"action": "who"} or {"action": "broadcast", "data": "hello"}'


@cache
def table():
    return boto3.resource("dynamodb").Table(os.environ["CONNECTIONS_TABLE"])


@app.on_ws_connect()
def connect(event):
    table().put_item(Item={"connection_id": event.connection_id})


@app.on_ws_message()
def message(event):
    try:
        frame = json.loads(event.body)
        action = ACTIONS[frame["action"]]
    except (KeyError, TypeError, ValueError):
        reply = {"type": "error", "message": USAGE}
    else:
        reply = action(event.connection_id, frame)
    send(event.connection_id, reply)


@app.on_ws_disconnect()
def disconnect(event):
    table().delete_item(Key={"connection_id": event.connection_id})


def echo(connection_id, frame):
    return {"type": "echo", "data": frame.get("data")}


def who(connection_id, frame):
    return {"type": "members", "members": [row["connection_id"] for row in rows()]}


def broadcast(connection_id, frame):
    push = {"type": "message", "from": connection_id, "data": frame.get("data")}
    delivered = sum(send(row["connection_id"], push) for row in rows())
    return {"type": "sent", "delivered": delivered}


def rows():
    return table().scan()["Items"]


def send(connection_id, frame):
    """Send a frame; return False if the connection is gone."""
    try:
        app.websocket_api.send(connection_id, json.dumps(frame))
    except WebsocketDisconnectedError:
        return False
    return True


ACTIONS = {"echo": echo, "who": who, "broadcast": broadcast}

"""An app that forgets those who are gone."""

import json
import os
import time
from functools import cache

import boto3
from boto3.dynamodb.conditions import Attr, Key
from chalice import Chalice, WebsocketDisconnectedError

app = Chalice(app_name="workshop")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.session.Session()

USAGE = 'send JSON such as {"action": "who"} or {"action": "broadcast", "data": "hello"}'
LOBBY = "lobby"

# API Gateway closes each connection after two hours. Some minutes more do no harm.
LIFETIME_SECONDS = 2 * 60 * 60 + 600


@cache
def table():
    return boto3.resource("dynamodb").Table(os.environ["CONNECTIONS_TABLE"])


@app.on_ws_connect()
def connect(event):
    expires_at = int(time.time()) + LIFETIME_SECONDS
    key = {"channel": LOBBY, "connection_id": event.connection_id}
    table().put_item(Item={**key, "expires_at": expires_at})


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
    forget(event.connection_id)


def echo(connection_id, frame):
    return {"type": "echo", "data": frame.get("data")}


def who(connection_id, frame):
    return {"type": "members", "members": [row["connection_id"] for row in rows()]}


def broadcast(connection_id, frame):
    push = {"type": "message", "from": connection_id, "data": frame.get("data")}
    sent = {row["connection_id"]: send(row["connection_id"], push) for row in rows()}
    gone = [each for each, is_there in sent.items() if not is_there]
    for each in gone:
        forget(each)
    return {"type": "sent", "delivered": len(sent) - len(gone), "gone": len(gone)}


def rows():
    found = table().query(
        KeyConditionExpression=Key("channel").eq(LOBBY),
        FilterExpression=Attr("expires_at").gt(int(time.time())),
    )
    return found["Items"]


def forget(connection_id):
    table().delete_item(Key={"channel": LOBBY, "connection_id": connection_id})


def send(connection_id, frame):
    """Send a frame; return False if the connection is gone."""
    try:
        app.websocket_api.send(connection_id, json.dumps(frame))
    except WebsocketDisconnectedError:
        return False
    return True


ACTIONS = {"echo": echo, "who": who, "broadcast": broadcast}

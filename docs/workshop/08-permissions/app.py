"""An app whose functions may do what they need, and no more."""

import json

import boto3
from chalice import BadRequestError, Chalice, WebsocketDisconnectedError
from chalicelib import people

app = Chalice(app_name="workshop")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.session.Session()

USAGE = 'send JSON such as {"action": "join", "channel": "tea"}'


class BadFrame(Exception):
    """A frame that is not valid. The text says what to send instead."""


@app.on_ws_connect()
def connect(event):
    context = event.to_dict()["requestContext"]
    people.add(event.connection_id, context["apiId"], context["stage"])


@app.on_ws_message()
def message(event):
    try:
        frame = json.loads(event.body)
        action = ACTIONS[frame["action"]]
    except (KeyError, TypeError, ValueError):
        send(event.connection_id, {"type": "error", "message": USAGE})
        return
    try:
        reply = action(event.connection_id, frame)
    except BadFrame as problem:
        reply = {"type": "error", "message": str(problem)}
    send(event.connection_id, reply)


@app.on_ws_disconnect()
def disconnect(event):
    people.forget(event.connection_id)


@app.lambda_function()
def notify(event, context):
    return publish_from_elsewhere(channel_of(event), event.get("data"))


@app.route("/messages", methods=["POST"])
def send_message():
    try:
        return notify(app.current_request.json_body or {}, app.lambda_context)
    except BadFrame as problem:
        raise BadRequestError(str(problem)) from None


@app.schedule("rate(1 minute)")
def tick(event):
    return publish_from_elsewhere(people.LOBBY, "another minute has gone")


def join(connection_id, frame):
    channel = channel_of(frame)
    people.join(channel, connection_id)
    return {"type": "joined", "channel": channel}


def leave(connection_id, frame):
    channel = channel_of(frame)
    people.leave(channel, connection_id)
    return {"type": "left", "channel": channel}


def who(connection_id, frame):
    return {"type": "members", "members": people.members(channel_of(frame))}


def broadcast(connection_id, frame):
    channel = channel_of(frame)
    push = {"type": "message", "channel": channel, "from": connection_id, "data": frame.get("data")}
    return {"type": "sent", **publish(push)}


def publish_from_elsewhere(channel, data):
    """Send from a function that API Gateway's WebSocket API has not started."""
    push = {"type": "message", "channel": channel, "from": None, "data": data}
    for member in people.members(channel):
        # A member that leaves in this moment has no API any more.
        if api := people.api_of(member):
            app.websocket_api.configure_from_api_id(*api)
            return publish(push)
    return {"delivered": 0, "gone": 0}


def publish(push):
    """Send to all members of the push's channel, and forget those who are gone."""
    sent = {member: send(member, push) for member in people.members(push["channel"])}
    gone = [member for member, is_there in sent.items() if not is_there]
    for member in gone:
        people.forget(member)
    return {"delivered": len(sent) - len(gone), "gone": len(gone)}


def channel_of(frame):
    channel = frame.get("channel", people.LOBBY)
    if not isinstance(channel, str) or not 1 <= len(channel) <= 64:
        raise BadFrame("use a text of 1 to 64 characters as channel")
    return channel


def send(connection_id, frame):
    """Send a frame; return False if the connection is gone."""
    try:
        app.websocket_api.send(connection_id, json.dumps(frame))
    except WebsocketDisconnectedError:
        return False
    return True


ACTIONS = {"join": join, "leave": leave, "who": who, "broadcast": broadcast}

"""An app that loses no message."""

import json

import boto3
from chalice import BadRequestError, Chalice, WebsocketDisconnectedError
from chalicelib import history, people
from chalicelib.frames import BadFrame, channel_of, since_of

app = Chalice(app_name="workshop")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.session.Session()

USAGE = 'send JSON such as {"action": "join", "channel": "tea"}'


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
    # First the membership: what is sent from now on comes as a message.
    people.join(channel, connection_id)
    reply = {"type": "joined", "channel": channel}
    if "since" in frame:
        reply["messages"] = history.since(channel, since_of(frame))
    return reply


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
    for member in people.members(channel):
        # A member that leaves in this moment has no API any more.
        if api := people.api_of(member):
            app.websocket_api.configure_from_api_id(*api)
            break
    return publish({"type": "message", "channel": channel, "from": None, "data": data})


def publish(push):
    push["message_id"] = history.new_id()
    history.save(push)
    sent = {member: send(member, push) for member in people.members(push["channel"])}
    gone = [member for member, is_there in sent.items() if not is_there]
    for member in gone:
        people.forget(member)
    return {"delivered": len(sent) - len(gone), "gone": len(gone)}


def send(connection_id, frame):
    try:
        app.websocket_api.send(connection_id, json.dumps(frame))
    except WebsocketDisconnectedError:
        return False
    return True


ACTIONS = {"join": join, "leave": leave, "who": who, "broadcast": broadcast}

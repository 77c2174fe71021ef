"""The functions that API Gateway and Lambda call. The actions are in chalicelib/actions.py."""

import os
from typing import Any

from chalice import Chalice, WebsocketDisconnectedError
from chalice.app import WebsocketEvent

from chalicelib.access import authenticate
from chalicelib.aws import Invocation, endpoint_url, session
from chalicelib.identity.handshake import Refused, subprotocol
from chalicelib.protocol.fields import NAME
from chalicelib.storage import connections, users

# Lambda sets _HANDLER to the function that it runs. The connect function sends nothing, so it
# does not import the sender.
if os.environ.get("_HANDLER") != "app.connect":
    from chalicelib.actions import router
    from chalicelib.delivery import closing, notifications, pushes, queue

# Chalice's own log handler would write plain text among Lambda's JSON.
app = Chalice(app_name="{{ cookiecutter.app_name }}", configure_logs=False)
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = session


@app.on_ws_connect()
def connect(event: WebsocketEvent) -> dict[str, Any]:
    try:
        user = authenticate(event)
    except Refused as refusal:
        app.log.log(refusal.level, "connection %s refused: %s", event.connection_id, refusal)
        return {"statusCode": refusal.status}
    query = event.to_dict().get("queryStringParameters") or {}
    try:
        name = NAME.parse(query["name"]) if query.get("name") else None
    except ValueError:
        return {"statusCode": 400}
    connected_at = event.to_dict()["requestContext"]["connectedAt"]
    connections.add(event.connection_id, name, endpoint_url(event), connected_at, user)
    # The connection is registered first: a sign-out that comes later finds and closes it.
    if user is not None and users.is_signed_out(user):
        app.log.warning("connection %s refused: the user was signed out", event.connection_id)
        connections.remove(event.connection_id)
        return {"statusCode": 401}
    return {"statusCode": 200, "headers": subprotocol(event)}


@app.on_ws_message()
def message(event: WebsocketEvent) -> None:
    reply = router.handle(event)
    try:
        app.websocket_api.send(event.connection_id, reply)
    except WebsocketDisconnectedError:
        # The client left before its reply. The disconnect function removes the connection.
        pass
    except Exception:
        # API Gateway would answer an exception with a second frame, "Internal server error".
        app.log.exception("connection %s: reply not sent", event.connection_id)


@app.on_ws_disconnect()
def disconnect(event: WebsocketEvent) -> None:
    connection = connections.remove(event.connection_id)
    if connection is not None:
        for channel in connection.channels:
            pushes.publish_presence(channel, "left", connection, Invocation.from_event(event))


@app.lambda_function()
def notify(event: Any, context: Any) -> dict[str, Any]:
    """Send the `data` of an event to its `channel` or `user`, or to several of them."""
    return notifications.notify(event, Invocation.from_context(context))


@app.lambda_function()
def sign_out(event: Any, context: Any) -> dict[str, int]:
    """Refuse the older tokens of {"user"}, and close the user's connections."""
    return closing.sign_out(event, Invocation.from_context(context))


@app.lambda_function()
def fanout(event: Any, context: Any) -> dict[str, Any]:
    """Send to ranges of a channel that is too large for one function; see docs/scale.md."""
    return queue.process_batch(event, Invocation.from_context(context))

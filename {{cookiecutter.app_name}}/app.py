"""What API Gateway and Lambda call. What a client may ask for is in chalicelib/actions.py."""

from typing import Any

from chalice import Chalice, WebsocketDisconnectedError
from chalice.app import WebsocketEvent

from chalicelib.actions import router
from chalicelib.aws import endpoint, session
from chalicelib.delivery import publish as broadcast
from chalicelib.delivery import queue as scale
from chalicelib.protocol.fields import NAME
from chalicelib.sender import deadline
from chalicelib.storage import connections

# Chalice's own handler would write plain text where Lambda's writes JSON.
app = Chalice(app_name="{{ cookiecutter.app_name }}", configure_logs=False)
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = session


def may_connect(event: WebsocketEvent) -> bool:
    """The one place that decides who may connect: whoever has the address, until you change it."""
    return True


@app.on_ws_connect()
def connect(event: WebsocketEvent) -> dict[str, int]:
    if not may_connect(event):
        return {"statusCode": 403}
    query = event.to_dict().get("queryStringParameters") or {}
    try:
        name = NAME.parse(query["name"]) if query.get("name") else None
    except ValueError:
        return {"statusCode": 400}
    connected_at = event.to_dict()["requestContext"]["connectedAt"]
    connections.add(event.connection_id, name, endpoint(event), connected_at)
    return {"statusCode": 200}


@app.on_ws_message()
def message(event: WebsocketEvent) -> None:
    reply = router.answer(event)
    try:
        app.websocket_api.send(event.connection_id, reply)
    except WebsocketDisconnectedError:
        pass  # it left before its reply; $disconnect clears up
    except Exception:
        # Raised, it would reach the client as "Internal server error".
        app.log.exception("connection %s: reply not sent", event.connection_id)


@app.on_ws_disconnect()
def disconnect(event: WebsocketEvent) -> None:
    gone = connections.remove(event.connection_id)
    if gone is not None:
        for channel in gone.channels:
            broadcast.presence(channel, "left", gone, deadline(event.context), endpoint(event))


@app.lambda_function()
def notify(event: Any, context: Any) -> dict[str, Any]:
    """Send {"channel", "data"} to a channel from a job, a schedule or another service."""
    return broadcast.notify(event, deadline(context))


@app.lambda_function()
def fanout(event: Any, context: Any) -> dict[str, Any]:
    """Send to parts of a channel that is too large for one function; docs/scale.md."""
    return scale.work(event, deadline(context))

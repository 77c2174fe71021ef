"""The functions of an app: the names that Chalice gives to them, and CloudFormation's."""

from chalice.utils import to_cfn_resource_name

# The function of all REST routes.
REST = "api_handler"

# The functions of the routes of the WebSocket API.
CONNECT = "websocket_connect"
MESSAGE = "websocket_message"
DISCONNECT = "websocket_disconnect"
ROUTES = {"$connect": CONNECT, "$default": MESSAGE, "$disconnect": DISCONNECT}

# The decorator of each route's handler.
DECORATORS = {
    "$connect": "on_ws_connect",
    "$default": "on_ws_message",
    "$disconnect": "on_ws_disconnect",
}


def logical_id(function: str) -> str:
    """Return the name of a function in CloudFormation."""
    return "APIHandler" if function == REST else str(to_cfn_resource_name(function))


def role_id(function: str) -> str:
    """Return the name of a function's role in CloudFormation."""
    return f"{to_cfn_resource_name(function)}Role"

"""An app that obeys orders from tests, and writes each event to a file."""

# Orders may use any of these modules.
import ctypes  # noqa: F401
import json
import os
import signal  # noqa: F401
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
from chalice import Chalice, WebsocketDisconnectedError
from chalice.app import WebsocketEvent

app = Chalice(app_name="bare")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.session.Session()


@app.middleware("websocket")
def mark(event: WebsocketEvent, get_response: Callable[[WebsocketEvent], Any]) -> Any:
    event.marked = True
    return get_response(event)


def record(event: WebsocketEvent, **more: Any) -> None:
    line = {
        "event": event.to_dict(),
        "function": event.context.function_name,
        "middleware": getattr(event, "marked", False),
        **more,
    }
    # One write: other events may write at the same time, and tests read.
    with open("events.jsonl", "ab", buffering=0) as file:
        file.write(json.dumps(line).encode() + b"\n")


def spin() -> None:
    while True:
        pass


def recurse() -> None:
    recurse()


def wait_for(name: str) -> None:
    end = time.monotonic() + 120
    while not Path(name).exists() and time.monotonic() < end:
        time.sleep(0.01)


@app.on_ws_connect()
def arrive(event: WebsocketEvent) -> dict[str, Any]:
    """Obey the orders in the query string."""
    orders = event.to_dict().get("queryStringParameters", {})
    outcome = {}
    if "post" in orders:
        try:
            app.websocket_api.send(event.connection_id, "too early")
        except WebsocketDisconnectedError as error:
            outcome = {"outcome": type(error).__name__}
    if "eval" in orders:
        outcome = {"outcome": str(eval(orders["eval"]))}
    record(event, **outcome)
    if "wait" in orders:
        wait_for(orders["wait"])
    if "raise" in orders:
        raise RuntimeError("as ordered")
    headers: Any = {"X-Secret": "secret"}
    if "headers" in orders:
        headers = json.loads(orders["headers"])
    if "protocol" in orders:
        headers["Sec-WebSocket-Protocol"] = orders["protocol"]
    return {"statusCode": int(orders.get("status", 200)), "headers": headers, "body": "secret"}


@app.on_ws_message()
def hear(event: WebsocketEvent) -> dict[str, Any] | None:
    """Obey the order that the text begins with, or send the text back."""
    record(event)
    order, _, rest = event.body.partition(" ")
    reply: str | None = event.body
    if order == "raise":
        raise RuntimeError("as ordered")
    if order == "exit":
        sys.exit("as ordered")
    if order == "json":
        reply = str(event.json_body)
    if order == "return":
        return {"statusCode": int(rest), "body": "secret"}
    if order == "wait":
        wait_for(rest)
    if order == "eval":
        reply = str(eval(rest))
    if order == "event":
        reply = json.dumps(event.to_dict())
    if order == "size":
        reply = str(len(event.body.encode()))
    if order == "info":
        reply = json.dumps(app.websocket_api.info(event.connection_id), default=str)
    if order == "close":
        app.websocket_api.close(event.connection_id)
    else:
        app.websocket_api.send(event.connection_id, reply)
    return None


@app.on_ws_disconnect()
def depart(event: WebsocketEvent) -> None:
    record(event, variable=os.environ.get("OWN"))


@app.lambda_function()
def echo(event: Any, context: Any) -> dict[str, Any]:
    if "touch" in event:
        Path(event["touch"]).touch()
    return {
        "event": event,
        "function": context.function_name,
        "greeting": os.environ["GREETING"],
        "outcome": str(eval(event.get("eval", "None"))),
    }


@app.lambda_function()
def fail(event: Any, context: Any) -> None:
    if event.get("exit"):
        sys.exit("as ordered")
    raise ValueError("as ordered")


@app.lambda_function()
def aws(event: Any, context: Any) -> dict[str, Any]:
    """Return the account and the endpoints that this function would use."""
    session = boto3.session.Session()
    services = ("apigatewaymanagementapi", "dynamodb", "lambda", "sts")
    return {
        "key": session.get_credentials().get_frozen_credentials().access_key,
        "profile": session.profile_name,
        "endpoints": {name: session.client(name).meta.endpoint_url for name in services},
        "variables": {name: value for name, value in os.environ.items() if "AWS" in name},
    }

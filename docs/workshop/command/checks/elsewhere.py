"""The checks of lesson 7: messages from other programs."""

import json
import secrets
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from ..running import ANSWER_SECONDS, App, Missing
from .channels import join


def send_by_route(app: App) -> None:
    """A message of the REST route reaches a channel."""
    channel = f"check-{secrets.token_hex(4)}"
    url = app.url.replace("ws", "http", 1).rstrip("/") + "/messages"
    body = json.dumps({"channel": channel, "data": "from the route"}).encode()
    with app.client() as ann:
        join(ann, channel)
        # A proxy cannot reach this machine.
        opener = build_opener(ProxyHandler({}))
        request = Request(url, body, {"Content-Type": "application/json"})
        try:
            opener.open(request, timeout=ANSWER_SECONDS).close()
        except (HTTPError, OSError) as error:
            raise Missing(f"add a route POST /messages that sends (got {error})") from None
        push = ann.frame("send to the channel in the route", "message", "from the route")
        if push.get("from") is not None:
            raise Missing(f'put null under "from": no client sent it (got {push})')


def have_function_and_schedule(app: App) -> None:
    """The app has a function and a schedule that send."""
    for name in ("lambda_function", "schedule"):
        if name not in app.decorators():
            raise Missing(f"add a function under @app.{name}(...)")
    if not app.calls() & {"configure_from_api_id", "configure"}:
        raise Missing("call app.websocket_api.configure_from_api_id before you send")

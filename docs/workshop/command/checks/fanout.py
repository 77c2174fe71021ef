"""The checks of lessons 4 and 5: broadcast, and connections that are gone."""

import ast
import secrets
from contextlib import ExitStack

from ..running import App, Missing
from .channels import join

GONE = "WebsocketDisconnectedError"


def broadcast(app: App) -> None:
    """A broadcast reaches everybody, and its sender."""
    data = f"hello from the check {secrets.token_hex(4)}"
    with app.client() as ann, app.client() as bob:
        ann.send({"action": "broadcast", "data": data})
        for name, client in (("another client", bob), ("its sender", ann)):
            push = client.frame(f"send the message to {name}", "message", data)
            if "from" not in push:
                raise Missing(f'put the id of who speaks under "from" (got {push})')
        reply = ann.frame('reply {"type": "sent", "delivered": ...}', "sent")
        if reply.get("delivered", 0) < 2:
            raise Missing(f'count those who got it in "delivered" (got {reply} with 2 people)')


def go_on_after_gone(app: App) -> None:
    """A connection that is gone does not end the loop."""
    handlers = [node for node in app.nodes() if isinstance(node, ast.ExceptHandler)]
    if not any(GONE in ast.dump(node.type) for node in handlers if node.type):
        raise Missing(f"catch {GONE} around websocket_api.send")


def delete_gone(app: App) -> None:
    """A broadcast deletes the rows of those who are gone."""
    with app.client() as ann:
        ann.send({"action": "broadcast", "data": "hello from the check"})
        reply = ann.frame('reply {"type": "sent"} to a broadcast', "sent")
        if "gone" not in reply:
            raise Missing(
                f'count those who are gone in "gone", and delete their rows (got {reply})'
            )
    if not app.calls() & {"delete_item", "batch_writer"}:
        raise Missing("call delete_item for each connection that is gone")


def expire_rows(app: App) -> None:
    """The table deletes rows that have expired."""
    resources = app.json("resources.json").get("Resources", {}).values()
    times = [each.get("Properties", {}).get("TimeToLiveSpecification") for each in resources]
    if not any(each and each.get("Enabled") is True for each in times):
        raise Missing('add a "TimeToLiveSpecification" with "Enabled": true to resources.json')


def query_only(app: App) -> None:
    """No request reads the whole table."""
    if "scan" in app.calls():
        raise Missing("read the rows of one key with query in place of scan")


def reach_thirty(app: App) -> None:
    """A broadcast to thirty people reaches each of them."""
    channel = f"check-{secrets.token_hex(4)}"
    with ExitStack() as stack:
        people = [stack.enter_context(app.client()) for _ in range(30)]
        for each in people:
            join(each, channel)
        people[0].send({"action": "broadcast", "channel": channel, "data": "to thirty"})
        for each in people:
            each.frame("send to each member", "message", "to thirty")


def count_untried(app: App) -> None:
    """The reply says how many were not tried."""
    with app.client() as ann:
        ann.send({"action": "broadcast", "data": "hello from the check"})
        reply = ann.frame('reply {"type": "sent"} to a broadcast', "sent")
        if "untried" not in reply:
            raise Missing(
                f'count those for whom the time was not enough in "untried" (got {reply})'
            )

"""The checks of lessons 1 to 3: echo, events, the table of connections."""

import json
import time
from collections.abc import Callable

from ..running import ANSWER_SECONDS, App, Client, Missing

HANDLERS = {"on_ws_connect", "on_ws_message", "on_ws_disconnect"}


def echo_text(app: App) -> None:
    """A text comes back as it was sent."""
    with app.client() as client:
        client.send("hello")
        got = client.receive("send event.body back in the function message")
        if got != "hello":
            raise Missing(f"send event.body as it is (got {got!r} for 'hello')")


def handle_three_events(app: App) -> None:
    """The app has a handler for each of the three events."""
    if missing := HANDLERS - app.decorators():
        raise Missing(f"add a function under @app.{min(missing)}()")


def echo_data(app: App) -> None:
    """The data of an echo frame comes back."""
    with app.client() as client:
        hint = 'reply {"type": "echo", "data": ...} to {"action": "echo", "data": ...}'
        reply = client.request(hint, "echo", action="echo", data=[1, "two"])
        if reply.get("data") != [1, "two"]:
            raise Missing(f"{hint} (got {json.dumps(reply)})")


def answer_bad_frames(app: App) -> None:
    """A frame that is not valid gets an error that helps."""
    with app.client() as client:
        for bad in ("not json", "[]", "7", "{}"):
            client.send(bad)
            reply = client.frame(f"catch what {bad} raises, and reply with an error", "error")
            if not reply.get("message"):
                raise Missing('say in "message" what to send instead')


def count_people(app: App) -> None:
    """The action who names each connection, and nobody who has left."""
    # Other people of a class may come and go meanwhile.
    with app.client() as ann:
        before = people(ann)
        with app.client() as bob:
            new = people(bob) - before
            if not new:
                raise Missing("put a row for each connection in connect, and read it in who")
            if not new & people(ann):
                raise Missing("answer everybody from the same table")
        wait_until(lambda: bool(new - people(ann)), "delete the row in disconnect")


def keep_people_in_table(app: App) -> None:
    """The people are in a table that resources.json describes."""
    resources = app.json("resources.json").get("Resources", {})
    if not any(each.get("Type") == "AWS::DynamoDB::Table" for each in resources.values()):
        raise Missing('add an "AWS::DynamoDB::Table" to resources.json')


def people(client: Client) -> set[str]:
    """Return the answer to who."""
    hint = 'reply {"type": "members", "members": [...]} to {"action": "who"}'
    found = client.request(hint, "members", action="who").get("members")
    if not isinstance(found, list):
        raise Missing(f"{hint} (got {found!r})")
    return set(map(str, found))


def wait_until(is_so: Callable[[], bool], hint: str) -> None:
    """Wait until something is so; raises Missing with the hint if it does not come."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise Missing(hint)
        time.sleep(0.2)

"""The checks of lesson 6: channels and their members."""

import secrets

from ..running import App, Client, Missing
from .first import wait_until


def reach_members(app: App) -> None:
    """A broadcast to a channel reaches its members alone."""
    channel = _new_channel()
    with app.client() as ann, app.client() as bob, app.client() as eve:
        join(ann, channel)
        join(bob, channel)
        _broadcast(ann, channel, "for members")
        push = bob.frame("send to the members of the channel", "message", "for members")
        if push.get("channel") != channel:
            raise Missing(f'put the channel into the message, under "channel" (got {push})')
        # Her reply comes after all messages.
        eve.send({"action": "who"})
        while (frame := eve.frame("reply to who")).get("type") != "members":
            if frame.get("data") == "for members":
                raise Missing("send to the members of the channel, not to all")


def leave(app: App) -> None:
    """A client that leaves a channel gets its messages no more."""
    channel = _new_channel()
    with app.client() as ann:
        join(ann, channel)
        if not members(ann, channel):
            raise Missing("put a row for the membership in join, and read it in who")
        hint = 'reply {"type": "left"} to {"action": "leave", "channel": ...}'
        ann.request(hint, "left", action="leave", channel=channel)
        if members(ann, channel):
            raise Missing("delete the row of the membership in leave")


def forget_members(app: App) -> None:
    """A connection that closes is in no channel any more."""
    channel = _new_channel()
    with app.client() as ann:
        with app.client() as bob:
            join(bob, channel)
            if not members(ann, channel):
                raise Missing('let who answer for a channel: {"action": "who", "channel": ...}')
        hint = "delete the rows of the connection's channels in disconnect"
        wait_until(lambda: not members(ann, channel), hint)


def refuse_bad_channel(app: App) -> None:
    """A channel that is not valid gets an error that helps."""
    with app.client() as ann:
        for bad in (7, "", ["tea"], None, "x" * 3000):
            ann.send({"action": "join", "channel": bad})
            ann.frame(f"reply with an error to the channel {str(bad)[:20]!r}", "error")


def join(client: Client, channel: str) -> None:
    """Join a channel."""
    hint = 'reply {"type": "joined"} to {"action": "join", "channel": ...}'
    client.request(hint, "joined", action="join", channel=channel)


def members(client: Client, channel: str) -> list[str]:
    """Return the members of a channel."""
    hint = 'reply {"type": "members", "members": [...]} to {"action": "who", "channel": ...}'
    reply = client.request(hint, "members", action="who", channel=channel)
    return list(reply.get("members", []))


def _new_channel() -> str:
    # Nobody else is in it.
    return f"check-{secrets.token_hex(4)}"


def _broadcast(client: Client, channel: str, data: str) -> None:
    hint = 'reply {"type": "sent"} to a broadcast'
    client.request(hint, "sent", action="broadcast", channel=channel, data=data)

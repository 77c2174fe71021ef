"""The checks of lesson 9: history, and clients that come back."""

import secrets

from ..running import App, Client, Missing
from .channels import join


def number_messages(app: App) -> None:
    """Each message has an id, and later ones sort behind earlier ones."""
    with app.client() as ann:
        channel = _new_channel()
        join(ann, channel)
        ids = [_broadcast(ann, channel, number) for number in range(3)]
        if ids != sorted(ids) or len(set(ids)) < 3:
            raise Missing(f"begin each id with the time (got {ids})")


def resume(app: App) -> None:
    """A client that joins again gets what it missed."""
    channel = _new_channel()
    with app.client() as ann, app.client() as bob:
        join(ann, channel)
        join(bob, channel)
        last = _broadcast(ann, channel, "before")
        bob.frame("send to all members", "message", "before")
        bob.socket.close()
        _broadcast(ann, channel, "meanwhile")
        with app.client() as again:
            hint = 'put the saved messages under "messages" if a join has "since"'
            reply = again.request(hint, "joined", action="join", channel=channel, since=last)
            found = [each.get("data") for each in reply.get("messages", [])]
            if "meanwhile" not in found:
                raise Missing(f"{hint} (got {found}, without the message sent meanwhile)")


def refuse_bad_place(app: App) -> None:
    """A place that is not valid gets an error that helps."""
    with app.client() as ann:
        for bad in ("yesterday", 7, None):
            hint = f"reply with an error to since {bad!r}"
            ann.request(hint, "error", action="join", channel=_new_channel(), since=bad)


def _broadcast(client: Client, channel: str, data: object) -> str:
    client.send({"action": "broadcast", "channel": channel, "data": data})
    push = client.frame("send to the sender, too", "message", data)
    client.frame('reply {"type": "sent"} to a broadcast', "sent")
    if not isinstance(push.get("message_id"), str):
        raise Missing(f'put an id under "message_id" into each message (got {push})')
    return str(push["message_id"])


def _new_channel() -> str:
    return f"check-{secrets.token_hex(4)}"

"""What the members of a channel are sent: messages, presence, notifications."""

import logging
import secrets
import time
from collections.abc import Iterable
from itertools import islice
from typing import Any

from chalicelib.delivery import queue as scale
from chalicelib.delivery.members import audience, send
from chalicelib.protocol.fields import CHANNEL, DATA
from chalicelib.protocol.frames import MAX_PUSH, Frame, FrameError, encode
from chalicelib.sender import Outcome
from chalicelib.storage import history
from chalicelib.storage.connections import Connection

log = logging.getLogger(__name__)

_last = 0  # the time of the last message, in ms


def message(channel: str, data: Any, sender: Connection | None = None) -> Frame:
    """A message to a channel; `sender` is None for one from outside. Its id sorts by time."""
    sent_at = _now()
    return {
        "type": "message",
        "message_id": f"{sent_at:012x}-{secrets.token_hex(8)}",
        "channel": channel,
        "from": sender and sender.member,
        "data": data,
        "sent_at": sent_at,
    }


def presence(channel: str, event: str, who: Connection, deadline: float, endpoint: str) -> None:
    """Tell the channel's other members that one "joined", "left" or is "named" anew."""
    push = {"type": "presence", "channel": channel, "event": event, "member": who.member}
    try:
        publish(push, deadline, endpoint, but=who.connection_id)
    except Exception:  # what happened has happened, and its sender shall not do it again
        log.exception("presence in %s was not sent", channel)


def publish(
    push: Frame, deadline: float, endpoint: str | None = None, but: str | None = None
) -> Outcome:
    """Send a push to the members of its channel, and forget those that are gone.

    A message is kept first: one that cannot be kept is sent to nobody, since whoever is away
    would miss it.

    Args:
        deadline: when it must be over, in seconds of time.monotonic().
        endpoint: URL of the management API; None takes it from each connection's home row.
        but: the connection id that is left out.

    Raises:
        FrameError: too_large.
        Busy: the table did not take it, and nothing was sent; or the queue did not.
    """
    text = encode(push, MAX_PUSH)
    if push["type"] == "message":
        history.keep(push, text)
    ids: Iterable[str] = audience(push, but)
    if most := scale.limit():
        ids = list(islice(ids, most + 1))
        if len(ids) > most:
            return scale.hand_over(push, endpoint, but)
    return send(push["channel"], text.encode(), ids, deadline, endpoint)


def notify(event: Any, deadline: float) -> dict[str, Any]:
    """Send {"channel", "data"} from outside of any websocket, and say what became of it.

    Raises:
        FrameError: the event is something else, or its data is too large.
    """
    if not isinstance(event, dict):
        raise FrameError("not_an_object", 'send {"channel": ..., "data": ...}')
    push = message(CHANNEL.read("channel", event), DATA.read("data", event))
    return {"message_id": push["message_id"], **publish(push, deadline).counts()}


def _now() -> int:
    # In ms, and never the same twice in a process: a clock may stand still, or be set back.
    global _last
    _last = max(_last + 1, time.time_ns() // 1_000_000)
    return _last

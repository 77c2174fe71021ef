"""Publish pushes to a channel: messages, presence, and messages from outside."""

import logging
import secrets
import time
from collections.abc import Collection, Iterable
from itertools import islice
from typing import Any

from chalicelib import settings
from chalicelib.aws import Invocation
from chalicelib.delivery import queue
from chalicelib.delivery.members import recipient_ids, send_to
from chalicelib.protocol.fields import CHANNEL, DATA
from chalicelib.protocol.frames import MAX_PUSH_BYTES, Frame, FrameError, encode
from chalicelib.sender import Outcome
from chalicelib.storage import history
from chalicelib.storage.rows import Connection

log = logging.getLogger(__name__)

# A larger channel has no presence. Each of n clients that join one after another would be announced
# to all before it: n squared pushes.
MAX_PRESENCE_RECIPIENTS = 100

_last_sent_at = 0


def new_message(channel: str, data: Any, sender: Connection | None = None) -> Frame:
    """Return a new message to a channel, with an id that sorts by time.

    Args:
        sender: the connection that the message is from; None for one from outside.
    """
    sent_at = _new_sent_at()
    return {
        "type": "message",
        "message_id": f"{sent_at:012x}-{secrets.token_hex(8)}",
        "channel": channel,
        "from": sender and sender.member,
        "data": data,
        "sent_at": sent_at,
    }


def publish_presence(channel: str, event: str, subject: Connection, invocation: Invocation) -> int:
    """Send presence to the other members of a channel, if they are MAX_PRESENCE_RECIPIENTS at most.

    An error is logged, not raised.

    Args:
        event: "joined", "left" or "named".

    Returns:
        The number of the recipients.
    """
    push = {"type": "presence", "channel": channel, "event": event, "member": subject.member}
    exclude, maximum = [subject.connection_id], MAX_PRESENCE_RECIPIENTS
    try:
        # One more than the maximum, and the subject: the read of a large channel ends there.
        found = recipient_ids(push, exclude, page_size=maximum + 2)
        ids = list(islice(found, maximum + 1))
        if not 0 < len(ids) <= maximum:
            return 0
        _send(push, encode(push), ids, invocation, exclude)
    except Exception:
        # The action is already done. An error here would make the client repeat it.
        log.exception("presence in %s was not sent", channel)
        return 0
    return len(ids)


def publish(push: Frame, invocation: Invocation, exclude: Collection[str] = ()) -> Outcome:
    """Send a push to the members of its channel, and remove connections that are gone.

    A message is saved to the history first. If that fails it is sent to nobody, since clients
    that are away would miss it.

    Args:
        exclude: connection ids to leave out.

    Raises:
        FrameError: too_large.
        Busy: the table or the queue is busy. If the table is, nothing was sent.
    """
    text = encode(push, MAX_PUSH_BYTES)
    if push["type"] == "message":
        history.save(push, text)
    return _send(push, text, recipient_ids(push, exclude), invocation, exclude)


def _send(
    push: Frame, text: str, ids: Iterable[str], invocation: Invocation, exclude: Collection[str]
) -> Outcome:
    if limit := settings.fanout_limit():
        ids = list(islice(ids, limit + 1))
        if len(ids) > limit:
            return queue.enqueue(push, invocation.endpoint, exclude)
    return send_to(push["channel"], text.encode(), ids, invocation)


def notify(event: Any, invocation: Invocation) -> dict[str, Any]:
    """Send {"channel", "data"} to a channel, and return the message's id and the counts.

    Raises:
        FrameError: the event is not valid, or its data is too large.
    """
    if not isinstance(event, dict):
        raise FrameError("not_an_object", 'send {"channel": ..., "data": ...}')
    push = new_message(CHANNEL.read("channel", event), DATA.read("data", event))
    return {"message_id": push["message_id"], **publish(push, invocation).counts()}


def _new_sent_at() -> int:
    # In ms, and increasing in one process: a clock may stand still, or be set back.
    global _last_sent_at
    _last_sent_at = max(_last_sent_at + 1, time.time_ns() // 1_000_000)
    return _last_sent_at

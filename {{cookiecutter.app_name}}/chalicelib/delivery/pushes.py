"""Publish pushes to a channel: messages and presence."""

import logging
import secrets
import time
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import Any

from chalicelib import settings
from chalicelib.aws import Invocation
from chalicelib.delivery import queue
from chalicelib.delivery.members import recipient_ids, send_to
from chalicelib.protocol.frames import MAX_PUSH_BYTES, encode
from chalicelib.protocol.push_types import Message
from chalicelib.sender import Outcome
from chalicelib.storage import history
from chalicelib.storage.channels import member_ids
from chalicelib.storage.rows import OWN, Connection, own_channel
from chalicelib.storage.users import MAX_DEVICES, has_other_connection

log = logging.getLogger(__name__)

# A larger channel has no presence. If n clients join one after another, each join is pushed to all
# earlier ones: about n * n / 2 pushes.
MAX_PRESENCE_RECIPIENTS = 100

_last_sent_at = 0


def new_message(
    channel: str, data: Any, sender: Connection | None = None, message_id: str | None = None
) -> Message:
    """Return a message to a channel.

    Args:
        sender: the connection that the message is from; None for one from outside.
        message_id: the id of an earlier try; None makes a new one.
    """
    message_id = message_id or new_message_id()
    return {
        "type": "message",
        "message_id": message_id,
        "channel": channel,
        "from": sender.member if sender else None,
        "data": data,
        "sent_at": int(message_id[:12], 16),
    }


def new_message_id() -> str:
    """Return a new message id. Ids sort by time."""
    return f"{_new_sent_at():012x}-{secrets.token_hex(8)}"


def publish_presence(channel: str, event: str, subject: Connection, invocation: Invocation) -> int:
    """Send presence to a channel's other members, if at most MAX_PRESENCE_RECIPIENTS.

    A user joins with the first connection, and leaves with the last. A user's own channel has no
    presence. An error is logged, not raised.

    Args:
        event: "joined", "left" or "named".

    Returns:
        The number of the recipients.
    """
    if channel.startswith(OWN):
        return 0
    push = {"type": "presence", "channel": channel, "event": event, "member": subject.member}
    exclude, maximum = [subject.connection_id], MAX_PRESENCE_RECIPIENTS
    try:
        if has_other_connection(subject, channel, invocation.deadline):
            return 0
        # The channel is too large if it has more recipients than the maximum, beside the subject.
        # No more of them are read.
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


def publish(
    push: Mapping[str, Any], invocation: Invocation, exclude: Collection[str] = ()
) -> Outcome:
    """Send a push to the members of its channel, and remove connections that are gone.

    A message is saved to the history first, unless its `keep` is false. A message that could not
    be saved is not sent, since clients that are away would miss it.

    Args:
        exclude: connection ids to leave out.

    Raises:
        FrameError: too_large.
        Busy: the table or the queue is busy. If the save failed, nothing was sent. If a read of the
            members failed later, some of them may have the push.
    """
    text = encode(push, MAX_PUSH_BYTES)
    if push["type"] == "message" and push.get("keep", True):
        history.save(push, text)
    return _send(push, text, recipient_ids(push, exclude), invocation, exclude)


def _send(
    push: Mapping[str, Any],
    text: str,
    ids: Iterable[str],
    invocation: Invocation,
    exclude: Collection[str],
) -> Outcome:
    if limit := settings.fanout_limit():
        ids = list(islice(ids, limit + 1))
        if len(ids) > limit:
            return queue.enqueue(push, invocation.endpoint, exclude)
    return send_to(push["channel"], text.encode(), ids, invocation)


def publish_to_devices(push: Mapping[str, Any], me: Connection, invocation: Invocation) -> None:
    """Send a push to the other connections of a user. An error is logged, not raised."""
    if me.user is None:
        return
    channel = own_channel(me.user.id)
    try:
        ids = list(islice(member_ids(channel), MAX_DEVICES))
        others = [each for each in ids if each != me.connection_id]
        send_to(channel, encode(push).encode(), others, invocation)
    except Exception:
        # The action is already done. An error here would make the client repeat it.
        log.exception("a push to the other devices of a user was not sent")


def _new_sent_at() -> int:
    # In ms. Each value of a process is greater than the one before, also if the clock is set back.
    global _last_sent_at
    _last_sent_at = max(_last_sent_at + 1, time.time_ns() // 1_000_000)
    return _last_sent_at

"""Messages from outside the app, which jobs and other services send with the function notify."""

from typing import Any

from chalicelib import settings
from chalicelib.aws import Invocation
from chalicelib.delivery.pushes import new_message, new_message_id, publish
from chalicelib.protocol.fields import CHANNEL, DATA, NONCE, USER, refuse_unknown
from chalicelib.protocol.frames import MAX_PUSH_BYTES, Busy, Frame, FrameError, encode
from chalicelib.storage import history
from chalicelib.storage.rows import own_channel

MAX_TARGETS = 100

# The fields that name the recipients, each with its values.
_TARGETS = {"channel": CHANNEL, "channels": CHANNEL, "user": USER, "users": USER}


def notify(event: Any, invocation: Invocation) -> dict[str, Any]:
    """Send a message to channels or users.

    Args:
        event: {"channel" or "channels" or "user" or "users", "data", "id"?}. Within ten minutes,
            another try with the same `id` is the same message, with the same message_id.

    Returns:
        The message's id, the counts of recipients, and `kept`: whether the history has it, for
        clients that come later. For `channels` and `users`, `results` is a list with these fields
        for each target, or with its `error`.

    Raises:
        FrameError: the event is not valid, or its data is too large.
        Busy: the table or the queue is busy. With an `id`, try again.
    """
    name, targets = _targets(event)
    data = DATA.read("data", event)
    given_id = NONCE.read("id", event) if "id" in event else None
    if name in ("channel", "user"):
        return _send(_channel(name, targets[0]), data, given_id, invocation)
    # A message that is too large for one channel is sent to none.
    longest = max((_channel(name, target) for target in targets), key=len)
    encode(new_message(longest, data), MAX_PUSH_BYTES)
    results, busy = [], False
    for target in targets:
        result = {name.removesuffix("s"): target}
        try:
            result |= _send(_channel(name, target), data, given_id, invocation)
        except Busy as error:
            busy = True
            result["error"] = error.code
        results.append(result)
    if busy and given_id is not None:
        # Lambda tries again. Clients drop the messages that they have by their message_id.
        raise Busy
    return {"results": results}


def _targets(event: Any) -> tuple[str, list[str]]:
    if not isinstance(event, dict):
        raise FrameError("not_an_object", 'send {"channel": ..., "data": ...}')
    refuse_unknown(event, [*_TARGETS, "data", "id"], "notify")
    names = sorted(_TARGETS.keys() & event.keys())
    if len(names) != 1:
        got = " and ".join(names) or "none"
        raise FrameError("bad_field", f"name one of {', '.join(_TARGETS)} (got {got})", "channel")
    (name,) = names
    value, field = event[name], _TARGETS[name]
    if name in ("channel", "user"):
        return name, [field.read(name, event)]
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_TARGETS:
        problem = f"{name} must be a list of 1 to {MAX_TARGETS}, each {field.description}"
        raise FrameError("bad_field", problem, name)
    return name, list(dict.fromkeys(field.read(name, {name: each}) for each in value))


def _channel(name: str, target: str) -> str:
    return target if name.startswith("channel") else own_channel(target)


def _send(channel: str, data: Any, given_id: str | None, invocation: Invocation) -> Frame:
    message_id = new_message_id()
    if given_id is not None:
        message_id = history.first_message_id(channel, given_id, message_id)
    push = new_message(channel, data, message_id=message_id)
    counts = publish(push, invocation).counts()
    return {"message_id": message_id, **counts, "kept": settings.history_seconds() > 0}

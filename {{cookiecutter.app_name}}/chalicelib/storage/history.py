"""The history of a channel: messages saved for clients that were away.

A message is a row with the key `{channel}#history`. No member has that key: a channel's name has
no "#", and the keys of members end in a number. The sort key is the message's id.
"""

import json
import time
from collections.abc import Mapping
from typing import Any, TypedDict

from chalicelib import settings
from chalicelib.protocol.frames import MAX_PUSH_BYTES
from chalicelib.storage.table import ConditionFailed, call

# A message may be written up to 29 s after its id was made, when its function ends. Clocks may
# differ by 1 s.
OVERLAP_MS = 30_000

# A given id is remembered for this time. Lambda repeats an asynchronous invoke within minutes:
# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
ID_SECONDS = 600


class Page(TypedDict):
    """The fields of a reply that hold messages."""

    messages: list[Any]
    more: bool
    complete: bool


def first_message_id(channel: str, given_id: str, message_id: str) -> str:
    """Return the message id that belongs to an id that the sender gave.

    Args:
        given_id: the same for each try to send the same message.
        message_id: the message id to use if this is the first try within ID_SECONDS.
    """
    now = int(time.time())
    try:
        call(
            "update_item",
            Key={"channel": {"S": f"{channel}#ids"}, "connection_id": {"S": given_id}},
            UpdateExpression="SET message_id = :id, expires_at = :end",
            # TTL deletes days late.
            ConditionExpression="attribute_not_exists(message_id) OR expires_at <= :now",
            ExpressionAttributeValues={
                ":id": {"S": message_id},
                ":end": {"N": str(now + ID_SECONDS)},
                ":now": {"N": str(now)},
            },
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ConditionFailed as error:
        return str(error.row["message_id"]["S"] if error.row else message_id)
    return message_id


def save(push: Mapping[str, Any], text: str) -> None:
    """Write a message to the history, if HISTORY_SECONDS is not 0.

    Args:
        text: the message's frame, as it is sent.

    Raises:
        Busy: the table is busy.
    """
    if seconds := settings.history_seconds():
        row = {
            "channel": {"S": f"{push['channel']}#history"},
            "connection_id": {"S": push["message_id"]},
            "push": {"S": text},
            "expires_at": {"N": str(push["sent_at"] // 1000 + seconds)},
        }
        call("put_item", Item=row)


def overlap_start(since: str) -> str:
    """Return the id to read from so that messages written after `since` are not missed."""
    return _id_prefix(int(since[:12], 16) - OVERLAP_MS)


def page(channel: str, since: str | None, limit: int) -> Page:
    """Return the fields of a reply that hold messages, oldest first, as many as one frame takes.

    Args:
        since: the id to start after; None reads the latest messages.
        limit: the maximum of messages.

    Returns:
        `messages`; `more`, true if there are others (later ones, or earlier ones if `since` is
        None); `complete`, true if all messages after `since` are still saved.
    """
    seconds = settings.history_seconds()
    if not seconds:
        return {"messages": [], "more": False, "complete": False}
    # TTL deletes days late. An id has its message's time, so the key selects what is not expired.
    oldest = _id_prefix(time.time_ns() // 1_000_000 - seconds * 1000)
    after = max(since or "", oldest)
    response = call(
        "query",
        KeyConditionExpression="channel = :channel AND connection_id > :after",
        ExpressionAttributeValues={":channel": {"S": f"{channel}#history"}, ":after": {"S": after}},
        ScanIndexForward=since is not None,
        Limit=limit + 1,
        # The client is a member by now, and gets later messages as pushes. A stale read could
        # leave out one that was sent before.
        ConsistentRead=True,
    )
    rows = [row["push"]["S"] for row in response["Items"]]
    messages: list[Any] = []
    size = 0
    for text in rows[:limit]:
        size += len(text.encode()) + len(",")
        if size > MAX_PUSH_BYTES and messages:
            break
        messages.append(json.loads(text))
    # DynamoDB stops at 1 MB, which is more than one frame.
    more = len(messages) < len(rows)
    if since is None:
        messages.reverse()
    return {"messages": messages, "more": more, "complete": since is None or since >= oldest}


def _id_prefix(ms: int) -> str:
    # Ids begin with their time. This sorts before all ids of that millisecond.
    return f"{max(ms, 0):012x}"

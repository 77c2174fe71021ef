"""The history of a channel: messages kept for clients that were away.

A message is a row with the key `{channel}#history`. No member has that key: a channel's name has
no "#", and the keys of members end in a number. The sort key is the message's id.
"""

import json
import time

from chalicelib import settings
from chalicelib.protocol.frames import MAX_PUSH_BYTES, Frame
from chalicelib.storage.table import call

# A message may be written up to 29 s after its id was made, when its function ends. Clocks may
# differ by 1 s.
OVERLAP_MS = 30_000


def save(push: Frame, text: str) -> None:
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


def page(channel: str, since: str | None, limit: int) -> Frame:
    """Return the fields of a reply that hold messages, oldest first, as many as one frame takes.

    Args:
        since: the id to start after; None reads the latest messages.
        limit: the maximum of messages.

    Returns:
        `messages`; `more`, true if others follow; `complete`, true if all messages after `since`
        are still kept.
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
    messages: list[Frame] = []
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

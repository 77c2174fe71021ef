"""What was sent to a channel, kept for a while for those that were away.

A message is a row beside the channel's members, under a key of its own: a channel's name has
no "#", and theirs end in the number of a shard. Its sort key is the message's id.
"""

import json
import os
import time

from chalicelib.protocol.frames import MAX_PUSH, Frame
from chalicelib.storage.table import call

# Behind an id that a client has seen, others may still come in: a function may take an id and
# write it down as late as it ends, after 29 s, and the clocks of two functions differ a little.
OVERLAP_MS = 30_000


def keep(push: Frame, text: str) -> None:
    """Write a message down, `text` being its frame as it is sent; raises Busy."""
    if seconds := _seconds():
        row = {
            "channel": {"S": f"{push['channel']}#history"},
            "connection_id": {"S": push["message_id"]},
            "push": {"S": text},
            "expires_at": {"N": str(push["sent_at"] // 1000 + seconds)},
        }
        call("put_item", Item=row)


def overlapping(since: str) -> str:
    """Where to read from so that nothing is missed that came in behind the message `since`."""
    return _point(int(since[:12], 16) - OVERLAP_MS)


def page(channel: str, since: str | None, limit: int) -> Frame:
    """The part of a reply that holds messages, oldest first, as many as fit into one frame.

    Args:
        since: the messages after this id, from the first; None for the latest ones.
        limit: how many at most.

    Returns:
        `messages`; `more`, whether there are others beyond them; `complete`, whether all that
        was sent after `since` is still kept.
    """
    seconds = _seconds()
    if not seconds:
        return {"messages": [], "more": False, "complete": False}
    # TTL deletes late, by days. An id tells the age of its message: no filter is needed.
    oldest = _point(time.time_ns() // 1_000_000 - seconds * 1000)
    after = max(since or "", oldest)
    answer = call(
        "query",
        KeyConditionExpression="channel = :channel AND connection_id > :after",
        ExpressionAttributeValues={":channel": {"S": f"{channel}#history"}, ":after": {"S": after}},
        ScanIndexForward=since is not None,
        Limit=limit + 1,
        # Who reads is a member already: what a stale read leaves out was sent too early for it.
        ConsistentRead=True,
    )
    rows = [row["push"]["S"] for row in answer["Items"]]
    messages: list[Frame] = []
    size = 0
    for text in rows[:limit]:
        size += len(text.encode()) + len(",")
        if size > MAX_PUSH and messages:
            break
        messages.append(json.loads(text))
    # DynamoDB itself stops at 1 MB, which is more than fits.
    more = len(messages) < len(rows)
    if since is None:
        messages.reverse()
    return {"messages": messages, "more": more, "complete": since is None or since >= oldest}


def _seconds() -> int:
    # For how long messages are kept, from .chalice/config.json; 0: not at all.
    return int(os.environ.get("HISTORY_SECONDS", "0"))


def _point(ms: int) -> str:
    # Ids begin with their time: this sorts before all that were made in that ms or later.
    return f"{max(ms, 0):012x}"

"""The channels and their members, in DynamoDB."""

import time
from collections import Counter
from collections.abc import Iterator

from chalicelib.protocol.frames import Busy
from chalicelib.storage import table
from chalicelib.storage.rows import LOBBY, row_channels
from chalicelib.storage.table import Range

# The average of count_members in one process.
MAX_COUNTED_PER_SECOND = 1000

# The last count, and its end in seconds of time.monotonic().
_count: tuple[Counter[str], float] = (Counter(), 0.0)


def member_ids(
    channel: str,
    id_range: Range | None = None,
    page_size: int | None = None,
    consistent: bool = False,
) -> Iterator[str]:
    """Yield the connection ids in a channel; the arguments are those of table.read."""
    for row in table.read(channel, "connection_id", id_range, page_size, consistent):
        yield row["connection_id"]["S"]


def count_members(deadline: float | None = None) -> Counter[str]:
    """Return the number of connections in each channel.

    The cost grows with the lobby's size. So the same process returns a count of n connections
    again for n / MAX_COUNTED_PER_SECOND seconds.

    Args:
        deadline: the end of the count, in seconds of time.monotonic(); None sets none.

    Raises:
        Busy: the count did not end before the deadline.
    """
    global _count
    started_at = time.monotonic()
    counts, valid_until = _count
    if started_at < valid_until:
        return counts
    counts = Counter()
    for row in table.read(LOBBY, "connection_id, channels"):
        counts.update([LOBBY, *row_channels(row)])
        if deadline is not None and time.monotonic() >= deadline:
            raise Busy
    _count = counts, started_at + counts[LOBBY] // MAX_COUNTED_PER_SECOND
    return counts

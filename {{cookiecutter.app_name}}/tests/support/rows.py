"""The rows of the table: read, counted, and written without the requests of connect and join."""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from chalicelib.storage import table
from chalicelib.storage.table import Row

ENDPOINT = "https://abc.execute-api.us-east-1.amazonaws.com/api"

# In ms since the epoch. One minute ago is past the grace period.
NOW = time.time_ns() // 1_000_000
OLD = NOW - 60_000

# Tests may replace it.
_call = table.call

Rows = dict[tuple[str, str], dict[str, Any]]


def rows() -> Rows:
    """Return all rows by their key."""
    items = _call("scan", ConsistentRead=True)["Items"]
    return {(item["channel"]["S"], item["connection_id"]["S"]): item for item in items}


@contextmanager
def count_requests() -> Iterator[Counter[str]]:
    """Count the requests to DynamoDB by operation."""
    counts: Counter[str] = Counter()

    def count(model: Any, **kwargs: object) -> None:
        counts[model.name] += 1

    events = table.dynamodb().meta.events
    events.register("before-call.dynamodb", count, unique_id="count")
    try:
        yield counts
    finally:
        events.unregister("before-call.dynamodb", unique_id="count")


def write_rows(rows: Iterable[Row]) -> None:
    """Write rows, 25 with each request."""
    for batch in table.batches(rows, 25):
        list(table.call_batch("batch_write_item", [{"PutRequest": {"Item": row}} for row in batch]))


def write_members(ids: Iterable[str], *channels: str, endpoint: str = ENDPOINT) -> None:
    """Write the rows of connections that are members of channels."""
    expires_at = {"expires_at": {"N": str(OLD // 1000 + 7800)}}
    rows: list[Row] = []
    for connection_id in ids:
        joined = {"channels": {"SS": list(channels)}} if channels else {}
        rows.append(
            {
                **table.key("lobby", connection_id),
                "name": {"S": connection_id},
                "endpoint": {"S": endpoint},
                "connected_at": {"N": str(OLD)},
                **joined,
                **expires_at,
            }
        )
        rows += [{**table.key(channel, connection_id), **expires_at} for channel in channels]
    write_rows(rows)

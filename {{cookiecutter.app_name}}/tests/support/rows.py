"""Rows that tests write to the table at once, without the requests of connect and join."""

import time
from collections.abc import Iterable

from chalicelib.storage import table
from chalicelib.storage.table import Row

ENDPOINT = "https://abc.execute-api.us-east-1.amazonaws.com/api"

# One minute ago: past the grace period, in ms since the epoch.
OLD = time.time_ns() // 1_000_000 - 60_000


def write_rows(rows: Iterable[Row]) -> None:
    """Write rows, 25 with each request."""
    for batch in table.batches(rows, 25):
        list(table.call_batch("batch_write_item", [{"PutRequest": {"Item": row}} for row in batch]))


def write_members(ids: Iterable[str], *channels: str) -> None:
    """Write the rows of connections that are members of channels."""
    expires_at = {"expires_at": {"N": str(OLD // 1000 + 7800)}}
    rows: list[Row] = []
    for connection_id in ids:
        joined = {"channels": {"SS": list(channels)}} if channels else {}
        rows.append(
            {
                **table.key("lobby", connection_id),
                "name": {"S": connection_id},
                "endpoint": {"S": ENDPOINT},
                "connected_at": {"N": str(OLD)},
                **joined,
                **expires_at,
            }
        )
        rows += [{**table.key(channel, connection_id), **expires_at} for channel in channels]
    write_rows(rows)

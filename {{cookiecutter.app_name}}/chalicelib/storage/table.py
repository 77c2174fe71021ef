"""Requests to DynamoDB: keys, ranges, and retries while the table is busy.

A channel's rows are spread over CHANNEL_SHARDS keys, `{channel}#{shard}`. All rows of a connection
are in one shard, which the connection's id determines.
"""

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from functools import cache
from itertools import islice
from typing import Any, NamedTuple, TypeVar
from zlib import crc32

from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib import settings
from chalicelib.aws import session
from chalicelib.protocol.frames import FrameError

log = logging.getLogger(__name__)

Row = dict[str, Any]
T = TypeVar("T")

# The maximum of concurrent requests. boto3 has a pool of 10 connections.
MAX_THREADS = 8

_MAX_ATTEMPTS = 8
_CONDITION_FAILED = {"ConditionalCheckFailedException", "ConditionalCheckFailed"}
# botocore retries throttling, but no conflict, and nothing in the reasons of a transaction.
_BUSY = {
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ThrottlingError",
    "ThrottlingException",
    "TransactionConflict",
    "TransactionConflictException",
    "TransactionInProgressException",
}


class Range(NamedTuple):
    """A range of a channel: the connection ids of one shard after `after`, up to `until`."""

    shard: int
    # Ids are letters, digits, "-", "_" and "=". All of them sort between these two.
    after: str = " "
    until: str = "~"


class ConditionFailed(Exception):
    """The condition of a write is false; nothing was written."""


class Busy(FrameError):
    """DynamoDB or SQS refused a request several times, and may accept it later."""

    def __init__(self) -> None:
        super().__init__("try_again", "send the same again in a moment")


@cache
def dynamodb() -> Any:
    """Return the DynamoDB client. Its timeouts let several requests fit into 29 seconds."""
    retries = {"mode": "standard", "total_max_attempts": 3}
    config = Config(connect_timeout=2, read_timeout=4, retries=retries)
    return session.client("dynamodb", config=config)


def shards(connection_id: str | None = None) -> list[int]:
    """Return the shards that a connection's rows may be in, or all shards.

    There are two for a connection while CHANNEL_SHARDS changes; the one for new rows is first.
    """
    counts = settings.channel_shards()
    if connection_id is None:
        return list(range(max(counts)))
    hashed = crc32(connection_id.encode())
    return list(dict.fromkeys(hashed % count for count in counts))


def key(channel: str, connection_id: str, shard: int | None = None) -> Row:
    """Return the key of a connection's row in a channel; None takes the shard of new rows."""
    shard = shards(connection_id)[0] if shard is None else shard
    return {"channel": {"S": f"{channel}#{shard}"}, "connection_id": {"S": connection_id}}


def call(operation: str, **request: Any) -> Row:
    """Send a request, and repeat it while the table is busy.

    Args:
        operation: the client's method. A request to a single table gets the table's name.

    Raises:
        ConditionFailed: the condition of a write, or of one in a transaction, is false.
        Busy: conflicts or throttling did not end.
    """
    if operation not in {"transact_write_items", "batch_get_item", "batch_write_item"}:
        request["TableName"] = settings.connections_table()
    for attempt in range(_MAX_ATTEMPTS):
        try:
            response = dict(getattr(dynamodb(), operation)(**request))
            if not response.get("UnprocessedItems"):
                return response
            # A throttled batch is no error.
            request["RequestItems"] = response["UnprocessedItems"]
        except ClientError as error:
            reasons: list[Row] = error.response.get("CancellationReasons", [])
            codes = {error.response["Error"]["Code"], *(each.get("Code") for each in reasons)}
            if codes & _CONDITION_FAILED:
                raise ConditionFailed from None
            if not codes & _BUSY:
                raise
        # Full jitter: writers in conflict must not repeat at the same time.
        time.sleep(random.uniform(0, 0.02 * 2**attempt))
    log.warning("%s was in conflict or throttled %d times", operation, _MAX_ATTEMPTS)
    raise Busy


def read(
    channel: str,
    attributes: str,
    id_range: Range | None = None,
    page_size: int | None = None,
    consistent: bool = False,
) -> Iterator[Row]:
    """Yield the rows of a channel that have not expired, page by page.

    Args:
        attributes: the projection. DynamoDB charges for whole rows all the same.
        id_range: a range of the channel; None reads all of it, several shards at a time.
        page_size: rows to read with each request; None reads 1 MB.
        consistent: include rows that were written just before, at twice the price.
    """
    ranges = [id_range] if id_range else [Range(shard) for shard in shards()]
    pages = [_pages(channel, each, attributes, page_size, consistent) for each in ranges]
    for rows in pages[0] if len(pages) == 1 else _interleave(pages):
        yield from rows


def delete(keys: Iterable[Row]) -> None:
    """Delete rows, 25 with each request."""
    unique = {(key["channel"]["S"], key["connection_id"]["S"]): key for key in keys}
    for batch in batches(unique.values(), 25):
        requests = [{"DeleteRequest": {"Key": key}} for key in batch]
        call("batch_write_item", RequestItems={settings.connections_table(): requests})


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of `size`; the last may be shorter."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch


def map_in_threads(function: Callable[[str], T], items: list[str]) -> list[T]:
    """Return the function's results for the items, several computed at a time."""
    # The client is made first: boto3 sessions are not safe for threads.
    dynamodb()
    with ThreadPoolExecutor(MAX_THREADS) as pool:
        return list(pool.map(function, items))


def _pages(
    channel: str, id_range: Range, attributes: str, page_size: int | None, consistent: bool
) -> Iterator[list[Row]]:
    request = {
        "ConsistentRead": consistent,
        "KeyConditionExpression": "channel = :channel AND connection_id BETWEEN :after AND :until",
        # TTL deletes days late: expired rows are still read.
        "FilterExpression": "expires_at > :now",
        "ProjectionExpression": attributes,
        "ExpressionAttributeValues": {
            ":channel": {"S": f"{channel}#{id_range.shard}"},
            ":after": {"S": id_range.after},
            ":until": {"S": id_range.until},
            ":now": {"N": str(int(time.time()))},
        },
        **({"Limit": page_size} if page_size else {}),
    }
    while True:
        response = call("query", **request)
        # BETWEEN includes both ends.
        rows = response["Items"]
        yield [row for row in rows if row["connection_id"]["S"] != id_range.after]
        if "LastEvaluatedKey" not in response:
            return
        request["ExclusiveStartKey"] = response["LastEvaluatedKey"]


def _interleave(iterators: list[Iterator[T]]) -> Iterator[T]:
    # The client is made first, as in map_in_threads.
    dynamodb()
    pool = ThreadPoolExecutor(MAX_THREADS)
    try:
        # One item of each iterator is read ahead, and no more: the consumer may be slow.
        pending = {pool.submit(next, each, None): each for each in iterators}
        while pending:
            for done in wait(pending, return_when=FIRST_COMPLETED).done:
                iterator, item = pending.pop(done), done.result()
                if item is not None:
                    pending[pool.submit(next, iterator, None)] = iterator
                    yield item
    finally:
        pool.shutdown(cancel_futures=True)

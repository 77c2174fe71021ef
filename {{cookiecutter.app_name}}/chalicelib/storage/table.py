"""Requests to DynamoDB: the client, the keys, and another try where the table was busy."""

import os
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

from chalicelib.aws import session

Row = dict[str, Any]
T = TypeVar("T")

# Requests at the same time, where there are many to make; boto3 keeps 10 connections open.
THREADS = 8

_ATTEMPTS = 8
_REFUSED = {"ConditionalCheckFailedException", "ConditionalCheckFailed"}
# botocore retries throttling, but not inside of a transaction's answer, and no conflict.
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
    """A part of a channel: in one shard the connection ids past `after`, up to `until`."""

    shard: int
    # Ids are letters, digits, "-", "_" and "=": all of them are between these two.
    after: str = " "
    until: str = "~"


class Refused(Exception):
    """The condition of a write did not hold; nothing was written."""


class Busy(Exception):
    """The table took a request at none of several tries; later it may."""


@cache
def dynamodb() -> Any:
    """The DynamoDB client. A function has 29 s in all: one request may not take them."""
    retries = {"mode": "standard", "total_max_attempts": 3}
    config = Config(connect_timeout=2, read_timeout=4, retries=retries)
    return session.client("dynamodb", config=config)


def table_name() -> str:
    """The connection table, from .chalice/config.json."""
    return os.environ["CONNECTIONS_TABLE"]


def _shard_counts() -> list[int]:
    # How many keys a channel is spread over; while that changes, both numbers (docs/scale.md).
    setting = os.environ.get("CHANNEL_SHARDS", "1")
    counts = [int(each) if each.strip().isdecimal() else 0 for each in setting.split(",")]
    if not all(counts):
        raise ValueError(f"CHANNEL_SHARDS is no number (got {setting!r}); use 1 or more, or 4,1")
    return counts


def shards(connection_id: str | None = None) -> list[int]:
    """Where a connection's rows may be, the shard of a new one first; or all shards there are."""
    counts = _shard_counts()
    if connection_id is None:
        return list(range(max(counts)))
    hashed = crc32(connection_id.encode())
    return list(dict.fromkeys(hashed % count for count in counts))


def key(channel: str, connection_id: str, shard: int | None = None) -> Row:
    """The key of a connection's row in a channel; all its rows are in one shard, its own."""
    shard = shards(connection_id)[0] if shard is None else shard
    return {"channel": {"S": f"{channel}#{shard}"}, "connection_id": {"S": connection_id}}


def call(operation: str, **request: Any) -> Row:
    """Make one request, and again after a while if the table was busy.

    Args:
        operation: the client's method; one on a single table gets its name added.

    Raises:
        Refused: the condition of a write, or of one in a transaction, did not hold.
        Busy: conflicts or throttling did not end.
    """
    if operation not in {"transact_write_items", "batch_get_item", "batch_write_item"}:
        request["TableName"] = table_name()
    for attempt in range(_ATTEMPTS):
        try:
            answer = dict(getattr(dynamodb(), operation)(**request))
            if not answer.get("UnprocessedItems"):
                return answer
            request["RequestItems"] = answer["UnprocessedItems"]  # throttled, and no error
        except ClientError as error:
            cancelled: list[Row] = error.response.get("CancellationReasons", [])
            reasons = {error.response["Error"]["Code"], *(each.get("Code") for each in cancelled)}
            if reasons & _REFUSED:
                raise Refused from None
            if not reasons & _BUSY:
                raise
        # Full jitter: writers that met once shall not meet again.
        time.sleep(random.uniform(0, 0.02 * 2**attempt))
    raise Busy(f"{operation} met a conflict or was throttled {_ATTEMPTS} times")


def read(
    channel: str,
    attributes: str,
    part: Range | None = None,
    page: int | None = None,
    consistent: bool = False,
) -> Iterator[Row]:
    """The unexpired rows of a channel, read while they are taken, of several shards at a time.

    Args:
        attributes: what is wanted of each row; it costs the whole row all the same.
        part: where only a part of the channel is wanted.
        page: rows to read with each request; None reads 1 MB.
        consistent: whether rows written just before must be there, for twice the price.
    """
    parts = [part] if part else [Range(shard) for shard in shards()]
    pages = [_pages(channel, each, attributes, page, consistent) for each in parts]
    for rows in pages[0] if len(pages) == 1 else _together(pages):
        yield from rows


def delete(keys: Iterable[Row]) -> None:
    """Delete rows, 25 with a request."""
    once = {(key["channel"]["S"], key["connection_id"]["S"]): key for key in keys}
    for batch in batches(once.values(), 25):
        requests = [{"DeleteRequest": {"Key": key}} for key in batch]
        call("batch_write_item", RequestItems={table_name(): requests})


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items, so many at a time."""
    rest = iter(items)
    while batch := list(islice(rest, size)):
        yield batch


def in_threads(function: Callable[[str], T], items: list[str]) -> list[T]:
    """What a function returns for each item, called with several at a time."""
    dynamodb()  # made here: boto3 sessions are not for several threads
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(function, items))


def _pages(
    channel: str, part: Range, attributes: str, page: int | None, consistent: bool
) -> Iterator[list[Row]]:
    request = {
        "ConsistentRead": consistent,
        "KeyConditionExpression": "channel = :channel AND connection_id BETWEEN :after AND :until",
        # TTL deletes late, by days: what has expired is still there to be read.
        "FilterExpression": "expires_at > :now",
        "ProjectionExpression": attributes,
        "ExpressionAttributeValues": {
            ":channel": {"S": f"{channel}#{part.shard}"},
            ":after": {"S": part.after},
            ":until": {"S": part.until},
            ":now": {"N": str(int(time.time()))},
        },
        **({"Limit": page} if page else {}),
    }
    while True:
        answer = call("query", **request)
        # BETWEEN takes both ends.
        yield [row for row in answer["Items"] if row["connection_id"]["S"] != part.after]
        if "LastEvaluatedKey" not in answer:
            return
        request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]


def _together(iterators: list[Iterator[T]]) -> Iterator[T]:
    dynamodb()  # as in in_threads
    pool = ThreadPoolExecutor(THREADS)
    try:
        # One item of each is read ahead, no more: who takes them may be slow.
        ahead = {pool.submit(next, each, None): each for each in iterators}
        while ahead:
            for done in wait(ahead, return_when=FIRST_COMPLETED).done:
                iterator, item = ahead.pop(done), done.result()
                if item is not None:
                    ahead[pool.submit(next, iterator, None)] = iterator
                    yield item
    finally:
        pool.shutdown(cancel_futures=True)

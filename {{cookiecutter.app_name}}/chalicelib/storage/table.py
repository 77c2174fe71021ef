"""Requests to DynamoDB: keys, ranges, and retries while the table is busy.

A channel's rows are spread over CHANNEL_SHARDS keys, `{channel}#{shard}`. All rows of a connection
are in one shard, which the connection's id determines.
"""

import logging
import random
import time
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import islice
from typing import Any, NamedTuple, TypeVar
from zlib import crc32

from botocore.exceptions import ClientError

from chalicelib import settings
from chalicelib.aws import NO_ANSWER, client_config, session
from chalicelib.protocol.frames import Busy
from chalicelib.storage.threads import interleave

log = logging.getLogger(__name__)

Row = dict[str, Any]
T = TypeVar("T")

_MAX_ATTEMPTS = 8
_CONDITION_FAILED = {"ConditionalCheckFailedException", "ConditionalCheckFailed"}
# botocore retries throttling, but no conflict, and nothing in the reasons of a transaction.
_BUSY = {
    "InternalServerError",
    "ProvisionedThroughputExceeded",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "ServiceUnavailable",
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
    """The condition of a write is false; nothing was written.

    Args:
        row: the row that the condition refused, if the write asked for it. None if it does not
            exist.
    """

    def __init__(self, row: Row | None = None) -> None:
        super().__init__()
        self.row = row


@cache
def dynamodb() -> Any:
    """Return the DynamoDB client. Its timeouts let several requests fit into 29 seconds."""
    return session.client("dynamodb", config=client_config())


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
    """Send a request, and repeat it while the table is busy. A repeated write must be harmless.

    Args:
        operation: the client's method. A request for rows of one table gets the table's name.

    Raises:
        ConditionFailed: the condition of a write, or of one in a transaction, is false.
        Busy: conflicts or throttling did not end, or the table does not answer.
    """
    if operation not in {"transact_write_items", "batch_get_item", "batch_write_item"}:
        request["TableName"] = settings.connections_table()
    attempt = 0
    while True:
        attempt += 1
        try:
            return dict(getattr(dynamodb(), operation)(**request))
        except ClientError as error:
            reasons: list[Row] = error.response.get("CancellationReasons", [])
            codes = {error.response["Error"]["Code"], *(each.get("Code") for each in reasons)}
            if codes & _CONDITION_FAILED:
                rows = (each["Item"] for each in [error.response, *reasons] if each.get("Item"))
                raise ConditionFailed(next(rows, None)) from None
            if not codes & _BUSY:
                raise
        except NO_ANSWER as error:
            log.warning("%s got no answer: %s", operation, error)
            raise Busy from error
        _pause(operation, attempt)


def call_batch(operation: str, request: Any, deadline: float | None = None) -> Iterator[Row]:
    """Send a batch, and send again what DynamoDB left out. Yield each response.

    DynamoDB processes a part of a batch while the table is busy. That is not an error.

    Args:
        operation: batch_get_item or batch_write_item.
        request: what RequestItems has for the table.
        deadline: the end of retries, in seconds of time.monotonic(); None sets none.

    Raises:
        Busy: DynamoDB left out the rest several times, or until the deadline.
    """
    items = {settings.connections_table(): request}
    attempt = 0
    while True:
        response = call(operation, RequestItems=items)
        yield response
        rest = response.get("UnprocessedKeys") or response.get("UnprocessedItems")
        if not rest:
            return
        # A batch that gets smaller is not stuck.
        attempt = 1 if _size(rest) < _size(items) else attempt + 1
        _pause(operation, attempt, deadline)
        items = rest


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
    # The client is made first: boto3 sessions are not safe for threads.
    dynamodb()
    for rows in pages[0] if len(pages) == 1 else interleave(pages):
        yield from rows


def transact(*writes: Row) -> None:
    """Make several writes to the table, or none of them.

    Args:
        writes: each with its kind, as {"Put": {"Item": ...}}.

    Raises:
        ConditionFailed: a condition is false.
        Busy: conflicts or throttling did not end.
    """
    name = settings.connections_table()
    items = [
        {kind: {**write, "TableName": name} for kind, write in each.items()} for each in writes
    ]
    call("transact_write_items", TransactItems=items)


def delete(keys: Iterable[Row], deadline: float | None = None) -> None:
    """Delete rows, 25 with each request.

    Args:
        deadline: the end of retries, in seconds of time.monotonic(); None sets none.

    Raises:
        Busy: the table is busy.
    """
    unique = {(key["channel"]["S"], key["connection_id"]["S"]): key for key in keys}
    for batch in batches(unique.values(), 25):
        requests = [{"DeleteRequest": {"Key": key}} for key in batch]
        for _ in call_batch("batch_write_item", requests, deadline):
            pass


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Yield the items in lists of `size`; the last may be shorter."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch


def _pause(operation: str, attempt: int, deadline: float | None = None) -> None:
    """Wait before the next attempt, or raise Busy if none may follow."""
    # Full jitter: writers in conflict must not repeat at the same time.
    seconds = random.uniform(0, 0.02 * 2**attempt)
    too_late = deadline is not None and time.monotonic() + seconds >= deadline
    if attempt == _MAX_ATTEMPTS or too_late:
        log.warning("%s was in conflict or throttled, attempt %d", operation, attempt)
        raise Busy
    time.sleep(seconds)


def _size(items: Row) -> int:
    # A write is a list. A read has its keys under "Keys".
    (request,) = items.values()
    return len(request) if isinstance(request, list) else len(request["Keys"])


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

"""Requests to DynamoDB: the client, the keys, and another try where the table was busy."""

import os
import random
import time
from collections.abc import Iterator
from functools import cache
from typing import Any
from zlib import crc32

from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib.session import session

Row = dict[str, Any]

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


def _shard_count() -> int:
    return int(os.environ.get("CHANNEL_SHARDS", "1"))


def shards(channel: str) -> Iterator[str]:
    """The partition keys that hold a channel: more than one where CHANNEL_SHARDS says so."""
    return (f"{channel}#{shard}" for shard in range(_shard_count()))


def key(channel: str, connection_id: str) -> Row:
    """The key of a connection's row in a channel."""
    shard = crc32(connection_id.encode()) % _shard_count()
    return {"channel": {"S": f"{channel}#{shard}"}, "connection_id": {"S": connection_id}}


def call(operation: str, **request: Any) -> Row:
    """Make one request, and again after a while if the table was busy.

    Args:
        operation: the client's method; one on a single table gets its name added.

    Raises:
        Refused: the condition of a write, or of one in a transaction, did not hold.
        Busy: conflicts or throttling did not end.
    """
    if operation not in {"transact_write_items", "batch_get_item"}:
        request["TableName"] = table_name()
    for attempt in range(_ATTEMPTS):
        try:
            return dict(getattr(dynamodb(), operation)(**request))
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

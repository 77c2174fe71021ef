"""The connection table: who is connected, under which name, in which channels.

A connection's home row stands in the lobby; for each channel that it joined it has a member
row there. Each write is safe to repeat and safe beside any other at the same time; where a
simpler form of it would not be, a comment says what it would break.
"""

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Any

from chalicelib.table import Refused, Row, call, key, shards, table_name

LOBBY = "lobby"

# API Gateway ends a connection after two hours; its rows outlive it by ten minutes:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
LIFETIME = 7200 + 600

# In seconds. Until $connect returns, a connection has its row, yet sending says it is gone.
YOUNG = 30


class NotConnected(Exception):
    """The connection has no home row: it is gone, or was never there."""


@dataclass(frozen=True)
class Connection:
    """A home row; `expires_at` in s since the epoch."""

    connection_id: str
    name: str
    endpoint: str
    channels: frozenset[str]
    expires_at: int

    @property
    def member(self) -> dict[str, str]:
        """The connection as other clients see it."""
        return {"connection_id": self.connection_id, "name": self.name}


def add(connection_id: str, name: str | None, endpoint: str, connected_at: int) -> None:
    """Register a new connection.

    Args:
        name: the name to show, or None for one made from the connection id.
        endpoint: URL of the management API that reaches it.
        connected_at: ms since the epoch, from the event.
    """
    row = {
        **key(LOBBY, connection_id),
        "name": {"S": name or f"guest-{connection_id[:4]}"},
        "endpoint": {"S": endpoint},
        "connected_at": {"N": str(connected_at)},
        "expires_at": {"N": str(connected_at // 1000 + LIFETIME)},
    }
    with suppress(Refused):  # then an earlier try got through
        # Unconditional, a retry would wipe the channels that were joined in between.
        call("put_item", Item=row, ConditionExpression="attribute_not_exists(connection_id)")


def get(connection_id: str) -> Connection:
    """The connection as it is now; raises NotConnected."""
    row = call("get_item", Key=key(LOBBY, connection_id), ConsistentRead=True).get("Item")
    if row is None or _expired(row):
        raise NotConnected(connection_id)
    return _connection(row)


def join(home: Connection, channel: str) -> None:
    """Make a connection a member of a channel; raises NotConnected."""
    member = {**key(channel, home.connection_id), "expires_at": {"N": str(home.expires_at)}}
    try:
        _with_channels("ADD", home, channel, Put={"Item": member})
    except Refused:
        raise NotConnected(home.connection_id) from None


def leave(home: Connection, channel: str) -> None:
    """End a membership, if there is one."""
    member_key = key(channel, home.connection_id)
    try:
        _with_channels("DELETE", home, channel, Delete={"Key": member_key})
    except Refused:
        call("delete_item", Key=member_key)


def rename(connection_id: str, name: str) -> Connection:
    """Give a connection another name and return it; raises NotConnected."""
    try:
        answer = call(
            "update_item",
            Key=key(LOBBY, connection_id),
            UpdateExpression="SET #name = :name",
            # Unconditional, it would bring back the row of a connection that is gone.
            ConditionExpression="attribute_exists(connection_id)",
            ExpressionAttributeNames={"#name": "name"},
            ExpressionAttributeValues={":name": {"S": name}},
            ReturnValues="ALL_NEW",
        )
    except Refused:
        raise NotConnected(connection_id) from None
    return _connection(answer["Attributes"])


def remove(connection_id: str, **condition: Any) -> Connection | None:
    """Forget a connection that has ended; returns it, or None if it was forgotten before."""
    # The delete itself returns the channels: one joined after a separate read would stay.
    home_key = key(LOBBY, connection_id)
    row = call("delete_item", Key=home_key, ReturnValues="ALL_OLD", **condition).get("Attributes")
    if row is None:
        return None
    home = _connection(row)
    for channel in home.channels:
        call("delete_item", Key=key(channel, connection_id))
    return home


def prune(connection_id: str, channel: str) -> None:
    """Forget a connection that API Gateway says is gone.

    Args:
        channel: where its row was found; that row goes even if there is no home row.
    """
    young = {":young": {"N": str(int((time.time() - YOUNG) * 1000))}}
    unless_young = "attribute_not_exists(connection_id) OR connected_at < :young"
    with suppress(Refused):  # then it may still be inside of $connect
        remove(connection_id, ConditionExpression=unless_young, ExpressionAttributeValues=young)
    if channel != LOBBY:
        call("delete_item", Key=key(channel, connection_id))


def members(channel: str, page: int | None = None) -> Iterator[str]:
    """The connection ids in a channel, read while they are taken: `page` at a time, or 1 MB."""
    # A stale read could leave out who joined just before, and read the history since.
    limit = {"Limit": page} if page else {}
    for row in _rows(channel, "connection_id", ConsistentRead=True, **limit):
        yield row["connection_id"]["S"]


def tally() -> Counter[str]:
    """How many connections are in each channel. It reads the lobby, and costs the lobby's size."""
    counts: Counter[str] = Counter()
    for row in _rows(LOBBY, "channels"):
        counts.update([LOBBY, *_strings(row)])
    return counts


def homes(connection_ids: Iterable[str]) -> Iterator[Connection]:
    """The home rows of connections, 100 at a time; an id without one is left out."""
    ids = iter(connection_ids)
    while batch := list(islice(ids, 100)):
        wanted: Any = {table_name(): {"Keys": [key(LOBBY, each) for each in batch]}}
        while wanted:  # DynamoDB may answer in parts
            answer = call("batch_get_item", RequestItems=wanted)
            rows = answer["Responses"].get(table_name(), [])
            yield from (_connection(row) for row in rows if not _expired(row))
            wanted = answer.get("UnprocessedKeys")


def _with_channels(verb: str, home: Connection, channel: str, **member_write: Row) -> None:
    # The row and the home's channels change together or not at all: two plain writes, in
    # either order, leave a ghost if a disconnect comes between.
    update = {
        "Key": key(LOBBY, home.connection_id),
        "UpdateExpression": f"{verb} channels :channel",
        "ConditionExpression": "attribute_exists(connection_id)",
        "ExpressionAttributeValues": {":channel": {"SS": [channel]}},
    }
    writes = {"Update": update, **member_write}
    items = [{name: {**write, "TableName": table_name()}} for name, write in writes.items()]
    call("transact_write_items", TransactItems=items)


def _rows(channel: str, attribute: str, **more: Any) -> Iterator[Row]:
    for shard in shards(channel):
        values = {":channel": {"S": shard}, ":now": {"N": str(int(time.time()))}}
        request = {
            "KeyConditionExpression": "channel = :channel",
            # TTL deletes late, by days: what has expired is still there to be read.
            "FilterExpression": "expires_at > :now",
            "ProjectionExpression": attribute,
            "ExpressionAttributeValues": values,
            **more,
        }
        while True:
            page = call("query", **request)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                break
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _strings(row: Row) -> list[str]:
    # DynamoDB has no empty set: no channels, no attribute.
    return list(row.get("channels", {"SS": []})["SS"])


def _expired(row: Row) -> bool:
    return int(row["expires_at"]["N"]) <= time.time()


def _connection(row: Row) -> Connection:
    return Connection(
        connection_id=row["connection_id"]["S"],
        name=row["name"]["S"],
        endpoint=row["endpoint"]["S"],
        channels=frozenset(_strings(row)),
        expires_at=int(row["expires_at"]["N"]),
    )

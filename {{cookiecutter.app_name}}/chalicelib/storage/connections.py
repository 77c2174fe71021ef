"""The connection table: who is connected, under which name, in which channels.

A connection's home row stands in the lobby; for each channel that it joined it has a member
row there. Each write is safe to repeat and safe beside any other at the same time; where a
simpler form of it would not be, a comment says what it would break.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from chalicelib.storage import table
from chalicelib.storage.table import Range, Refused, Row, call, key, shards, table_name

log = logging.getLogger(__name__)

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
    """A home row; `expires_at` in s since the epoch, `shard` where it and its members' rows are."""

    connection_id: str
    name: str
    endpoint: str
    channels: frozenset[str]
    expires_at: int
    shard: int

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
    for home_key in _home_keys(connection_id):
        row = call("get_item", Key=home_key, ConsistentRead=True).get("Item")
        if row is not None and not _expired(row):
            return _connection(row)
    raise NotConnected(connection_id)


def join(home: Connection, channel: str) -> None:
    """Make a connection a member of a channel; raises NotConnected."""
    member = {**_key(channel, home), "expires_at": {"N": str(home.expires_at)}}
    try:
        _with_channels("ADD", home, channel, Put={"Item": member})
    except Refused:
        raise NotConnected(home.connection_id) from None


def leave(home: Connection, channel: str) -> None:
    """End a membership, if there is one."""
    try:
        _with_channels("DELETE", home, channel, Delete={"Key": _key(channel, home)})
    except Refused:
        call("delete_item", Key=_key(channel, home))


def rename(connection_id: str, name: str) -> Connection:
    """Give a connection another name and return it; raises NotConnected."""
    for home_key in _home_keys(connection_id):
        with suppress(Refused):
            answer = call(
                "update_item",
                Key=home_key,
                UpdateExpression="SET #name = :name",
                # Unconditional, it would bring back the row of a connection that is gone.
                ConditionExpression="attribute_exists(connection_id)",
                ExpressionAttributeNames={"#name": "name"},
                ExpressionAttributeValues={":name": {"S": name}},
                ReturnValues="ALL_NEW",
            )
            return _connection(answer["Attributes"])
    raise NotConnected(connection_id)


def remove(connection_id: str) -> Connection | None:
    """Forget a connection that has ended; returns it, or None if it was forgotten before."""
    home = _take_home(connection_id)
    if home is not None:
        table.delete(_key(channel, home) for channel in home.channels)
    return home


def prune(connection_ids: list[str], channel: str) -> None:
    """Forget connections that API Gateway says are gone.

    Args:
        channel: where their rows were found; those go even if there is no home row.
    """
    young = {":young": {"N": str(int((time.time() - YOUNG) * 1000))}}
    unless_young = "attribute_not_exists(connection_id) OR connected_at < :young"

    def take_home(connection_id: str) -> Connection | None:
        try:
            return _take_home(
                connection_id, ConditionExpression=unless_young, ExpressionAttributeValues=young
            )
        except Refused:  # it may still be inside of $connect
            return None
        except Exception:  # the next that sends meets it again
            log.exception("connection %s was not pruned", connection_id)
            return None

    homes = table.in_threads(take_home, connection_ids)
    rows = [_key(each, home) for home in homes if home for each in home.channels]
    if channel != LOBBY:
        rows += [key(channel, each, shard) for each in connection_ids for shard in shards(each)]
    table.delete(rows)


def members(
    channel: str, part: Range | None = None, page: int | None = None, consistent: bool = False
) -> Iterator[str]:
    """The connection ids in a channel, or in a part of it, as table.read reads them."""
    for row in table.read(channel, "connection_id", part, page, consistent):
        yield row["connection_id"]["S"]


def tally() -> Counter[str]:
    """How many connections are in each channel. It reads the lobby, and costs the lobby's size."""
    counts: Counter[str] = Counter()
    for row in table.read(LOBBY, "connection_id, channels"):
        counts.update([LOBBY, *_strings(row)])
    return counts


def homes(connection_ids: Iterable[str]) -> Iterator[Connection]:
    """The home rows of connections, 100 at a time; an id without one is left out."""
    all_keys = (home_key for each in connection_ids for home_key in _home_keys(each))
    for keys in table.batches(all_keys, 100):
        wanted: Any = {table_name(): {"Keys": keys}}
        while wanted:  # DynamoDB may answer in parts
            answer = call("batch_get_item", RequestItems=wanted)
            rows = answer["Responses"].get(table_name(), [])
            yield from (_connection(row) for row in rows if not _expired(row))
            wanted = answer.get("UnprocessedKeys")


def _home_keys(connection_id: str) -> list[Row]:
    # More than one only while CHANNEL_SHARDS changes; a row never moves.
    return [key(LOBBY, connection_id, shard) for shard in shards(connection_id)]


def _key(channel: str, home: Connection) -> Row:
    return key(channel, home.connection_id, home.shard)


def _take_home(connection_id: str, **condition: Any) -> Connection | None:
    for home_key in _home_keys(connection_id):
        # The delete itself returns the channels: one joined after a separate read would stay.
        answer = call("delete_item", Key=home_key, ReturnValues="ALL_OLD", **condition)
        if "Attributes" in answer:
            return _connection(answer["Attributes"])
    return None


def _with_channels(verb: str, home: Connection, channel: str, **member_write: Row) -> None:
    # The row and the home's channels change together or not at all: two plain writes, in
    # either order, leave a ghost if a disconnect comes between.
    update = {
        "Key": _key(LOBBY, home),
        "UpdateExpression": f"{verb} channels :channel",
        "ConditionExpression": "attribute_exists(connection_id)",
        "ExpressionAttributeValues": {":channel": {"SS": [channel]}},
    }
    writes = {"Update": update, **member_write}
    items = [{name: {**write, "TableName": table_name()}} for name, write in writes.items()]
    call("transact_write_items", TransactItems=items)


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
        shard=int(row["channel"]["S"].rpartition("#")[2]),
    )

"""Connections and their channels, in DynamoDB.

Strategy: a connection has one connection row, with its name and its channels, in the lobby. For
each other channel that it joined it has one membership row there. Each write can be repeated, and
is safe concurrently with any other. Comments say which failure a simpler write would cause.
"""

import json
import logging
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from chalicelib import settings
from chalicelib.protocol.frames import FrameError
from chalicelib.protocol.user import User
from chalicelib.storage import table
from chalicelib.storage.table import ConditionFailed, Range, Row, call, key, shards

log = logging.getLogger(__name__)

LOBBY = "lobby"

# API Gateway ends a connection after two hours. Its rows expire ten minutes later:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
LIFETIME_SECONDS = 7200 + 600

# Until the connect function returns, the management API answers 410 for the new connection.
GRACE_SECONDS = 30


class NotConnected(FrameError):
    """The connection has no connection row: it ended, or never existed."""

    def __init__(self) -> None:
        super().__init__("try_again", "connect again: this connection is not registered")


@dataclass(frozen=True)
class Connection:
    """A connection row.

    Args:
        connection_id: API Gateway's id.
        name: the name that other clients see.
        endpoint: URL of the management API.
        channels: the channels joined; the lobby is not among them.
        expires_at: s since the epoch.
        shard: the shard of this row and of its membership rows.
        user: the person who is signed in; None is a guest.
    """

    connection_id: str
    name: str
    endpoint: str
    channels: frozenset[str]
    expires_at: int
    shard: int
    user: User | None = None

    @property
    def member(self) -> dict[str, str]:
        """The connection as other clients see it."""
        user = {"user": self.user.id} if self.user else {}
        return {"connection_id": self.connection_id, "name": self.name, **user}


def add(
    connection_id: str,
    name: str | None,
    endpoint: str,
    connected_at: int,
    user: User | None = None,
) -> None:
    """Register a new connection.

    Args:
        name: the name that others see; None makes one of the connection id.
        endpoint: URL of the management API.
        connected_at: ms since the epoch, from the event.
        user: the person who is signed in, whose name replaces `name`; None is a guest.
    """
    expires_at = connected_at // 1000 + LIFETIME_SECONDS
    row = {
        **key(LOBBY, connection_id),
        "name": {"S": name or f"guest-{connection_id[:4]}"},
        "endpoint": {"S": endpoint},
        "connected_at": {"N": str(connected_at)},
        "expires_at": {"N": str(expires_at)},
    }
    if user is not None:
        row |= {
            "name": {"S": user.name},
            "user": {"S": user.id},
            # Requests and pushes end with the token.
            "expires_at": {"N": str(min(expires_at, user.expires_at))},
        }
        if user.claims:
            row["claims"] = {"S": json.dumps(user.claims)}
    # The condition fails where an earlier try was written. Without it, a retry would delete the
    # channels that were joined in between.
    with suppress(ConditionFailed):
        call("put_item", Item=row, ConditionExpression="attribute_not_exists(connection_id)")


def get(connection_id: str) -> Connection:
    """Return a connection, from a consistent read.

    Raises:
        NotConnected: it has no row, or its row has expired.
    """
    for connection_key in _connection_keys(connection_id):
        row = call("get_item", Key=connection_key, ConsistentRead=True).get("Item")
        if row is not None and not _expired(row):
            return _connection(row)
    raise NotConnected


def join(connection: Connection, channel: str) -> None:
    """Add a connection to a channel.

    Raises:
        NotConnected: the connection has ended.
    """
    membership = {**_key(channel, connection), "expires_at": {"N": str(connection.expires_at)}}
    try:
        _write_channels("ADD", connection, channel, Put={"Item": membership})
    except ConditionFailed:
        raise NotConnected from None


def leave(connection: Connection, channel: str) -> None:
    """Remove a connection from a channel, if it is a member."""
    try:
        _write_channels("DELETE", connection, channel, Delete={"Key": _key(channel, connection)})
    except ConditionFailed:
        call("delete_item", Key=_key(channel, connection))


def rename(connection_id: str, name: str) -> Connection:
    """Set a connection's name, and return the connection.

    Raises:
        NotConnected: the connection has ended.
        FrameError: forbidden, the name of a user comes from the token.
    """
    for connection_key in _connection_keys(connection_id):
        with suppress(ConditionFailed):
            response = call(
                "update_item",
                Key=connection_key,
                UpdateExpression="SET #name = :name",
                # Without the condition, it would create the row of a connection that has ended.
                ConditionExpression=(
                    "attribute_exists(connection_id) AND attribute_not_exists(#user)"
                ),
                ExpressionAttributeNames={"#name": "name", "#user": "user"},
                ExpressionAttributeValues={":name": {"S": name}},
                ReturnValues="ALL_NEW",
            )
            return _connection(response["Attributes"])
    # Raises NotConnected where the row is missing.
    get(connection_id)
    raise FrameError("forbidden", "keep the name: it is the one of your sign-in")


def remove(connection_id: str) -> Connection | None:
    """Remove a connection that has ended; return it, or None if it was removed before."""
    connection = _delete_connection_row(connection_id)
    if connection is not None:
        table.delete(_key(channel, connection) for channel in connection.channels)
    return connection


def remove_gone(connection_ids: list[str], channel: str) -> None:
    """Remove connections for which the management API answered 410.

    A connection younger than GRACE_SECONDS keeps its connection row.

    Args:
        channel: the channel that they were found in. Their rows there are deleted in any case.
    """
    before_grace = {":before": {"N": str(int((time.time() - GRACE_SECONDS) * 1000))}}
    condition = "attribute_not_exists(connection_id) OR connected_at < :before"

    def delete_row(connection_id: str) -> Connection | None:
        try:
            return _delete_connection_row(
                connection_id, ConditionExpression=condition, ExpressionAttributeValues=before_grace
            )
        except ConditionFailed:
            return None
        except Exception:
            # The next message to this channel meets the connection again.
            log.exception("connection %s was not removed", connection_id)
            return None

    removed = table.map_in_threads(delete_row, connection_ids)
    rows = [_key(name, each) for each in removed if each for name in each.channels]
    if channel != LOBBY:
        rows += [key(channel, each, shard) for each in connection_ids for shard in shards(each)]
    table.delete(rows)


def members(
    channel: str,
    id_range: Range | None = None,
    page_size: int | None = None,
    consistent: bool = False,
) -> Iterator[str]:
    """Yield the connection ids in a channel; the arguments are those of table.read."""
    for row in table.read(channel, "connection_id", id_range, page_size, consistent):
        yield row["connection_id"]["S"]


def count_members() -> Counter[str]:
    """Return the number of connections in each channel. The cost grows with the lobby's size."""
    counts: Counter[str] = Counter()
    for row in table.read(LOBBY, "connection_id, channels"):
        counts.update([LOBBY, *_channels(row)])
    return counts


def get_many(connection_ids: Iterable[str]) -> Iterator[Connection]:
    """Yield connections, read 100 at a time; an id without a row is left out."""
    name = settings.connections_table()
    keys = (each for connection_id in connection_ids for each in _connection_keys(connection_id))
    for batch in table.batches(keys, 100):
        unprocessed: Any = {name: {"Keys": batch}}
        while unprocessed:
            response = call("batch_get_item", RequestItems=unprocessed)
            rows = response["Responses"].get(name, [])
            yield from (_connection(row) for row in rows if not _expired(row))
            unprocessed = response.get("UnprocessedKeys")


def _connection_keys(connection_id: str) -> list[Row]:
    # There are two only while CHANNEL_SHARDS changes; rows stay in their shard.
    return [key(LOBBY, connection_id, shard) for shard in shards(connection_id)]


def _key(channel: str, connection: Connection) -> Row:
    return key(channel, connection.connection_id, connection.shard)


def _delete_connection_row(connection_id: str, **condition: Any) -> Connection | None:
    for connection_key in _connection_keys(connection_id):
        # The delete returns the channels: one joined after a separate read would stay.
        response = call("delete_item", Key=connection_key, ReturnValues="ALL_OLD", **condition)
        if "Attributes" in response:
            return _connection(response["Attributes"])
    return None


def _write_channels(verb: str, connection: Connection, channel: str, **write: Row) -> None:
    # The membership row and the connection's channels change together. Of two plain writes, in
    # either order, one would stay alone if a disconnect came between them.
    update = {
        "Key": _key(LOBBY, connection),
        "UpdateExpression": f"{verb} channels :channel",
        "ConditionExpression": "attribute_exists(connection_id)",
        "ExpressionAttributeValues": {":channel": {"SS": [channel]}},
    }
    writes = {"Update": update, **write}
    name = settings.connections_table()
    items = [{kind: {**each, "TableName": name}} for kind, each in writes.items()]
    call("transact_write_items", TransactItems=items)


def _channels(row: Row) -> list[str]:
    # DynamoDB has no empty set: a row without channels has no such attribute.
    return list(row.get("channels", {"SS": []})["SS"])


def _expired(row: Row) -> bool:
    return int(row["expires_at"]["N"]) <= time.time()


# Rows of open connections lack a new column for two hours: read it with row.get().
def _connection(row: Row) -> Connection:
    user = None
    if "user" in row:
        claims = json.loads(row.get("claims", {"S": "{}"})["S"])
        expires_at = int(row["expires_at"]["N"])
        user = User(row["user"]["S"], row["name"]["S"], expires_at, claims)
    return Connection(
        connection_id=row["connection_id"]["S"],
        name=row["name"]["S"],
        endpoint=row["endpoint"]["S"],
        channels=frozenset(_channels(row)),
        expires_at=int(row["expires_at"]["N"]),
        shard=int(row["channel"]["S"].rpartition("#")[2]),
        user=user,
    )

"""Connections and their channels, in DynamoDB.

Strategy: a connection has one connection row, under the key of the lobby. The row has its name and
its channels. For each joined channel there is one membership row, under the key of that channel.
The transaction that registers a user's connection also joins it to the user's own channel. Each
write can be repeated, and can run at the same time as any other. Comments name the failure that a
simpler write would cause.
"""

import json
import logging
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import chain
from typing import Any

from chalicelib import settings
from chalicelib.protocol.frames import FrameError
from chalicelib.protocol.user import User, check_user
from chalicelib.storage import table
from chalicelib.storage.rows import (
    LOBBY,
    Connection,
    Expired,
    NotConnected,
    connection_keys,
    is_expired,
    own_channel,
    read_connection,
    row_key,
)
from chalicelib.storage.table import ConditionFailed, Row, call, key, shards
from chalicelib.storage.threads import map_in_threads

log = logging.getLogger(__name__)

# API Gateway ends a connection after two hours. Its rows expire ten minutes later:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
LIFETIME_SECONDS = 7200 + 600

# Until the connect function returns, the management API answers 410 for the new connection.
GRACE_SECONDS = 30

# A disconnect deletes a row, and sends presence, for each channel.
MAX_CHANNELS = 50

_EXISTS = "attribute_exists(connection_id)"


def add(
    connection_id: str,
    name: str | None,
    endpoint: str,
    connected_at: int,
    user: User | None = None,
) -> None:
    """Register a new connection.

    Args:
        name: the name that others see. None: a name is made from the connection id.
        endpoint: URL of the management API.
        connected_at: ms since the epoch, from the event.
        user: the person who is signed in, whose name replaces `name`; None is a guest. The
            connection is in the user's own channel from now on.
    """
    check_user(user)
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
    # The condition fails if an earlier attempt has written the row. Without it, a retry would
    # delete the channels that were joined between the two attempts.
    put = {"Item": row, "ConditionExpression": "attribute_not_exists(connection_id)"}
    with suppress(ConditionFailed):
        if user is None:
            call("put_item", **put)
            return
        channel = own_channel(user.id)
        row["channels"] = {"SS": [channel]}
        membership = {**key(channel, connection_id), "expires_at": row["expires_at"]}
        table.transact({"Put": put}, {"Put": {"Item": membership}})


def get(connection_id: str) -> Connection:
    """Return a connection, from a consistent read.

    Raises:
        NotConnected: it has no row.
        Expired: its row has expired.
    """
    for connection_key in connection_keys(connection_id):
        row = call("get_item", Key=connection_key, ConsistentRead=True).get("Item")
        if row is not None and is_expired(row):
            raise Expired
        if row is not None:
            return read_connection(row)
    raise NotConnected


def join(connection: Connection, channel: str) -> None:
    """Add a connection to a channel. A member may join again.

    Raises:
        FrameError: bad_field, the connection is in MAX_CHANNELS other channels.
        NotConnected: the connection has ended.
    """
    membership = {**row_key(channel, connection), "expires_at": {"N": str(connection.expires_at)}}
    # The condition counts the channels. Concurrent joins could all read a count below the limit.
    has_room = "attribute_not_exists(channels) OR size(channels) < :max"
    update = {
        **_channels_update("ADD", connection, channel),
        "ConditionExpression": f"{_EXISTS} AND ({has_room} OR contains(channels, :name))",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    update["ExpressionAttributeValues"] |= {
        # The user's own channel does not count.
        ":max": {"N": str(MAX_CHANNELS + (connection.user is not None))},
        ":name": {"S": channel},
    }
    try:
        table.transact({"Update": update}, {"Put": {"Item": membership}})
    except ConditionFailed as error:
        if error.row is None:
            raise NotConnected from None
        problem = f"leave another channel first: the maximum is {MAX_CHANNELS}"
        raise FrameError("bad_field", problem, "channel") from None


def leave(connection: Connection, channel: str) -> None:
    """Remove a connection from a channel, if it is a member."""
    membership_key = row_key(channel, connection)
    try:
        update = _channels_update("DELETE", connection, channel)
        table.transact({"Update": update}, {"Delete": {"Key": membership_key}})
    except ConditionFailed:
        call("delete_item", Key=membership_key)


def rename(connection_id: str, name: str) -> Connection:
    """Set a connection's name, and return the connection.

    Raises:
        NotConnected: the connection has ended.
    """
    for connection_key in connection_keys(connection_id):
        with suppress(ConditionFailed):
            response = call(
                "update_item",
                Key=connection_key,
                UpdateExpression="SET #name = :name",
                # Without the condition, it would create the row of a connection that has ended.
                ConditionExpression=_EXISTS,
                ExpressionAttributeNames={"#name": "name"},
                ExpressionAttributeValues={":name": {"S": name}},
                ReturnValues="ALL_NEW",
            )
            return read_connection(response["Attributes"])
    raise NotConnected


def remove(connection_id: str) -> Connection | None:
    """Remove a connection that has ended; return it, or None if it was removed before."""
    connection = _delete_connection_row(connection_id)
    if connection is not None:
        table.delete(row_key(channel, connection) for channel in connection.channels)
    return connection


def remove_gone(connection_ids: list[str], channel: str, deadline: float | None = None) -> None:
    """Remove connections for which the management API answered 410.

    A connection younger than GRACE_SECONDS keeps all of its rows.

    Args:
        channel: the channel that they were found in. Their membership rows in it are deleted,
            even if the connection row is missing.
        deadline: the end of retries, in seconds of time.monotonic().
    """
    before_grace = {":before": {"N": str(int((time.time() - GRACE_SECONDS) * 1000))}}
    condition = "attribute_not_exists(connection_id) OR connected_at < :before"

    def delete_connection_row(connection_id: str) -> list[Row]:
        """Delete a connection row, and return the keys of the membership rows to delete."""
        try:
            connection = _delete_connection_row(
                connection_id, ConditionExpression=condition, ExpressionAttributeValues=before_grace
            )
        except ConditionFailed:
            return []
        except Exception:
            # The next message to this channel gets 410 for it, and removes it.
            log.exception("connection %s was not removed", connection_id)
            return []
        joined = connection.channels if connection else ()
        names = {channel, *joined} - {LOBBY}
        return [
            key(name, connection_id, shard) for name in names for shard in shards(connection_id)
        ]

    # The client is made first: boto3 sessions are not safe for threads.
    table.dynamodb()
    keys = map_in_threads(delete_connection_row, connection_ids)
    table.delete(chain.from_iterable(keys), deadline)


def get_many(
    connection_ids: Iterable[str], deadline: float | None = None, consistent: bool = False
) -> Iterator[Connection]:
    """Yield connections, read 100 at a time. An id without a valid row is left out.

    Args:
        deadline: the end of retries, in seconds of time.monotonic().
        consistent: include rows that were written just before, at twice the price.

    Raises:
        Busy: the table is busy.
    """
    name = settings.connections_table()
    keys = (each for connection_id in connection_ids for each in connection_keys(connection_id))
    for batch in table.batches(keys, 100):
        request = {"Keys": batch, "ConsistentRead": consistent}
        for response in table.call_batch("batch_get_item", request, deadline):
            rows = response["Responses"].get(name, [])
            yield from (read_connection(row) for row in rows if not is_expired(row))


def _delete_connection_row(connection_id: str, **condition: Any) -> Connection | None:
    for connection_key in connection_keys(connection_id):
        # The delete returns the channels. A separate read before it would miss a channel that is
        # joined between the two.
        response = call("delete_item", Key=connection_key, ReturnValues="ALL_OLD", **condition)
        if "Attributes" in response:
            return read_connection(response["Attributes"])
    return None


def _channels_update(verb: str, connection: Connection, channel: str) -> Row:
    # The caller writes the membership row in the same transaction. With two separate writes, in
    # either order, a disconnect between them would leave one row without the other.
    return {
        "Key": row_key(LOBBY, connection),
        "UpdateExpression": f"{verb} channels :channel",
        "ConditionExpression": _EXISTS,
        "ExpressionAttributeValues": {":channel": {"SS": [channel]}},
    }

"""The connection rows: their keys, and the connection that a row describes."""

import json
import time
from dataclasses import dataclass

from chalicelib.protocol.frames import FrameError
from chalicelib.protocol.push_types import Member
from chalicelib.protocol.user import User
from chalicelib.storage.table import Row, key, shards

LOBBY = "lobby"

# The first character of the channels that belong to users. Each connection of the user is in it.
OWN = "@"


def own_channel(user_id: str) -> str:
    """Return the channel that each connection of a user is in."""
    return OWN + user_id


class NotConnected(FrameError):
    """The connection has no connection row: it ended, or never existed."""

    def __init__(self) -> None:
        super().__init__("try_again", "connect again: this connection is not registered")


class Expired(NotConnected):
    """The connection row has expired, with the token of the person who is signed in."""

    bye = "expired"


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
    def member(self) -> Member:
        """The connection as other clients see it."""
        member: Member = {"connection_id": self.connection_id, "name": self.name}
        return {**member, "user": self.user.id} if self.user else member


def connection_keys(connection_id: str) -> list[Row]:
    """Return the keys that a connection row may have.

    There are two only while CHANNEL_SHARDS changes. A row stays in its shard.
    """
    return [key(LOBBY, connection_id, shard) for shard in shards(connection_id)]


def row_key(channel: str, connection: Connection) -> Row:
    """Return the key of a connection's row in a channel."""
    return key(channel, connection.connection_id, connection.shard)


def row_channels(row: Row) -> list[str]:
    """Return the channels in a connection row."""
    # DynamoDB has no empty set: a row without channels has no such attribute.
    return list(row.get("channels", {"SS": []})["SS"])


def is_expired(row: Row) -> bool:
    """Return whether a row has expired. DynamoDB deletes it days later."""
    return int(row["expires_at"]["N"]) <= time.time()


# For two hours after a deploy, rows of open connections lack an attribute that is new. Read such
# an attribute with row.get().
def read_connection(row: Row) -> Connection:
    """Return the connection of a connection row."""
    user = None
    if "user" in row:
        claims = json.loads(row.get("claims", {"S": "{}"})["S"])
        expires_at = int(row["expires_at"]["N"])
        user = User(row["user"]["S"], row["name"]["S"], expires_at, claims)
    return Connection(
        connection_id=row["connection_id"]["S"],
        name=row["name"]["S"],
        endpoint=row["endpoint"]["S"],
        channels=frozenset(row_channels(row)),
        expires_at=int(row["expires_at"]["N"]),
        shard=int(row["channel"]["S"].rpartition("#")[2]),
        user=user,
    )

"""Users: their other connections, what they have read, and their sign-outs.

A mark is a row with the key `{channel}#read` and the user's id. Its `message_id` is the last
message that was read, and moves forward only. Its `singles` are later messages that were marked
alone. A sign-out is a row with the key `@{user}#since`. Tokens that were issued before its time
are refused.
"""

import time
from itertools import islice

from chalicelib import settings
from chalicelib.protocol.fields import MAX_SINGLES
from chalicelib.protocol.frames import FrameError
from chalicelib.protocol.user import User
from chalicelib.storage.channels import member_ids
from chalicelib.storage.connections import get_many
from chalicelib.storage.rows import Connection, own_channel
from chalicelib.storage.table import ConditionFailed, Row, call

# The maximum of a user's connections that are read or sent to.
MAX_DEVICES = 100

# A token that was issued before the sign-out must have ended by then.
SIGN_OUT_SECONDS = 366 * 24 * 3600


def has_other_connection(
    connection: Connection, channel: str, deadline: float | None = None
) -> bool:
    """Return whether the user of a connection is in a channel with another connection too.

    Args:
        deadline: the end of retries, in seconds of time.monotonic().
    """
    if connection.user is None:
        return False
    ids = islice(member_ids(own_channel(connection.user.id), consistent=True), MAX_DEVICES)
    others = [each for each in ids if each != connection.connection_id]
    return any(channel in other.channels for other in get_many(others, deadline))


def read_marks(channel: str, user_id: str) -> tuple[str | None, list[str]]:
    """Return the id up to which a user has read a channel, and those of messages marked alone.

    The id is None if there is no mark.
    """
    row = call("get_item", Key=_mark_key(channel, user_id)).get("Item") or {}
    return row.get("message_id", {}).get("S"), sorted(row.get("singles", {}).get("SS", []))


def move_mark(channel: str, user_id: str, message_id: str) -> tuple[str, bool]:
    """Move a user's mark forward to a message.

    Returns:
        The mark, and whether it has moved. A mark that is further on stays.
    """
    key = _mark_key(channel, user_id)
    try:
        response = call(
            "update_item",
            Key=key,
            UpdateExpression="SET message_id = :id",
            ConditionExpression="attribute_not_exists(message_id) OR message_id < :id",
            ExpressionAttributeValues={":id": {"S": message_id}},
            ReturnValues="ALL_OLD",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ConditionFailed as error:
        return str(error.row["message_id"]["S"] if error.row else message_id), False
    singles = response.get("Attributes", {}).get("singles", {}).get("SS", [])
    if passed := [each for each in singles if each <= message_id]:
        call(
            "update_item",
            Key=key,
            UpdateExpression="DELETE singles :passed",
            ExpressionAttributeValues={":passed": {"SS": passed}},
        )
    return message_id, True


def mark_one(channel: str, user_id: str, message_id: str) -> bool:
    """Mark one message alone, and return whether it was unread.

    Raises:
        FrameError: bad_field, if the maximum is reached.
    """
    try:
        call(
            "update_item",
            Key=_mark_key(channel, user_id),
            UpdateExpression="ADD singles :ids",
            ConditionExpression="(attribute_not_exists(message_id) OR message_id < :id)"
            " AND NOT contains(singles, :id)"
            " AND (attribute_not_exists(singles) OR size(singles) < :max)",
            ExpressionAttributeValues={
                ":id": {"S": message_id},
                ":ids": {"SS": [message_id]},
                ":max": {"N": str(MAX_SINGLES)},
            },
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
        )
    except ConditionFailed as error:
        row = error.row or {}
        singles = row.get("singles", {}).get("SS", [])
        if message_id in singles or message_id <= row.get("message_id", {}).get("S", ""):
            return False
        problem = f"only must be left out: {MAX_SINGLES} messages are marked alone, the maximum"
        raise FrameError("bad_field", problem, "only") from None
    return True


def refuse_older_tokens(user_id: str) -> None:
    """Refuse the tokens of a user that were issued before now."""
    now = time.time()
    times = {
        # Times of tokens may have fractions of a second.
        "not_before": {"N": f"{now:.6f}"},
        "expires_at": {"N": str(int(now) + SIGN_OUT_SECONDS)},
    }
    call("put_item", Item={**_sign_out_key(user_id), **times})


def is_signed_out(user: User) -> bool:
    """Return whether a user was signed out after the token was issued.

    A token that does not tell its start counts as issued before.
    """
    if user.issued_at is None and settings.auth() == "none":
        # The owner's access.authenticate named the user without a token.
        return False
    row = call("get_item", Key=_sign_out_key(user.id), ConsistentRead=True).get("Item")
    return row is not None and (user.issued_at or 0) < float(row["not_before"]["N"])


def _sign_out_key(user_id: str) -> Row:
    return {"channel": {"S": f"{own_channel(user_id)}#since"}, "connection_id": {"S": "-"}}


def _mark_key(channel: str, user_id: str) -> Row:
    return {"channel": {"S": f"{channel}#read"}, "connection_id": {"S": user_id}}

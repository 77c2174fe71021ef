"""The count of a connection's requests, for MESSAGES_PER_MINUTE.

Strategy: the connection row has an attribute for each minute in which the connection sent a
request. One write counts a request, refuses it above the maximum, and removes earlier minutes. A
single counter would need a second write at the start of each minute, to set it back.
"""

import time

from chalicelib.protocol.frames import FrameError
from chalicelib.storage.rows import NotConnected, connection_keys
from chalicelib.storage.table import ConditionFailed, call

# An attribute's name is used again after this many minutes. No connection is open for so long.
MINUTES = 240

# The minutes before the present one whose attributes a request removes. API Gateway closes a
# connection that is idle for 10 minutes, so few older attributes are left.
REMOVED_MINUTES = 12


def count_request(connection_id: str, maximum: int) -> None:
    """Count a request of a connection.

    Args:
        maximum: the maximum in a minute.

    Raises:
        FrameError: too_fast, the maximum is reached.
        NotConnected: the connection has ended.
    """
    minute, second = divmod(int(time.time()), 60)
    names = [f"m{(minute - age) % MINUTES}" for age in range(REMOVED_MINUTES + 1)]
    for connection_key in connection_keys(connection_id):
        try:
            call(
                "update_item",
                Key=connection_key,
                UpdateExpression=f"ADD {names[0]} :one REMOVE {', '.join(names[1:])}",
                ConditionExpression="attribute_exists(connection_id)"
                f" AND (attribute_not_exists({names[0]}) OR {names[0]} < :maximum)",
                ExpressionAttributeValues={":one": {"N": "1"}, ":maximum": {"N": str(maximum)}},
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ConditionFailed as error:
            if error.row is not None:
                problem = f"wait for the next minute: the maximum is {maximum} messages a minute"
                raise FrameError("too_fast", problem, retry_after_seconds=60 - second) from None
        else:
            return
    raise NotConnected

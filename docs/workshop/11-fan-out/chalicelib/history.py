"""The messages of a channel, saved for those who were away."""

import json
import secrets
import time

from boto3.dynamodb.conditions import Key
from chalicelib.people import table

KEPT_SECONDS = 24 * 60 * 60
MAX_MESSAGES = 100

# A message is saved a little later than its id is made, so two may change places.
OVERLAP_MS = 5_000


def new_id():
    """Return an id. Later ones sort behind earlier ones."""
    return f"{time.time_ns() // 1_000_000:013}-{secrets.token_hex(4)}"


def save(push):
    key = {"channel": f"{push['channel']}#history", "connection_id": push["message_id"]}
    expires_at = int(time.time()) + KEPT_SECONDS
    table().put_item(Item={**key, "push": json.dumps(push), "expires_at": expires_at})


def since(channel, message_id):
    """Return the messages after an id, and those shortly before it."""
    start = f"{int(message_id[:13]) - OVERLAP_MS:013}"
    found = table().query(
        KeyConditionExpression=Key("channel").eq(f"{channel}#history")
        & Key("connection_id").gt(start),
        Limit=MAX_MESSAGES,
        ConsistentRead=True,
    )
    return [json.loads(row["push"]) for row in found["Items"]]

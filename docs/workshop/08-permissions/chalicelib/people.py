"""The rows of connections and of members, in one table."""

import os
import time
from functools import cache

import boto3
from boto3.dynamodb.conditions import Attr, Key

LOBBY = "lobby"

# API Gateway closes each connection after two hours. Some minutes more do no harm.
LIFETIME_SECONDS = 2 * 60 * 60 + 600


@cache
def table():
    return boto3.resource("dynamodb").Table(os.environ["CONNECTIONS_TABLE"])


def key(channel, connection_id):
    return {"channel": channel, "connection_id": connection_id}


def add(connection_id, api_id, stage):
    row = {"api_id": api_id, "stage": stage, "expires_at": int(time.time()) + LIFETIME_SECONDS}
    table().put_item(Item={**key(LOBBY, connection_id), **row})


def api_of(connection_id):
    """Return the id and the stage of the API that holds a connection; None: it has ended."""
    row = table().get_item(Key=key(LOBBY, connection_id)).get("Item")
    return row and (row["api_id"], row["stage"])


def join(channel, connection_id):
    if channel != LOBBY:
        # The connection's row names its channels, so that `forget` finds them.
        table().update_item(
            Key=key(LOBBY, connection_id),
            UpdateExpression="ADD channels :channels",
            ExpressionAttributeValues={":channels": {channel}},
        )
        expires_at = int(time.time()) + LIFETIME_SECONDS
        table().put_item(Item={**key(channel, connection_id), "expires_at": expires_at})


def leave(channel, connection_id):
    if channel != LOBBY:
        table().delete_item(Key=key(channel, connection_id))


def members(channel):
    found = table().query(
        KeyConditionExpression=Key("channel").eq(channel),
        # DynamoDB deletes expired rows late.
        FilterExpression=Attr("expires_at").gt(int(time.time())),
    )
    return [row["connection_id"] for row in found["Items"]]


def forget(connection_id):
    old = table().delete_item(Key=key(LOBBY, connection_id), ReturnValues="ALL_OLD")
    for channel in old.get("Attributes", {}).get("channels", ()):
        table().delete_item(Key=key(channel, connection_id))

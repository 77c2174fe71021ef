"""DynamoDB and SQS on this machine: moto behind their real APIs, with what resources.json has."""

import logging
import os
import threading
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from local import queue
from local.children import Channel
from local.sandbox import isolate

# What CreateTable takes of an AWS::DynamoDB::Table; the rest has no meaning here.
_CREATE = {
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
    "ProvisionedThroughput",
    "StreamSpecification",
    "TableName",
}


def serve() -> str:
    """Start them, empty, on a free port of this machine; return its URL."""
    from moto.server import ThreadedMotoServer  # takes half a second: only where it is needed

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


def create(tables: list[dict[str, Any]]) -> None:
    """Create tables, here or on AWS, from the properties that CloudFormation would be given."""
    dynamodb = boto3.client("dynamodb")
    for table in tables:
        dynamodb.create_table(**{key: table[key] for key in _CREATE & table.keys()})
        if ttl := table.get("TimeToLiveSpecification"):
            name = table["TableName"]
            dynamodb.get_waiter("table_exists").wait(TableName=name)
            dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)


def run(
    channel: Channel,
    tables: list[dict[str, Any]],
    queues: dict[str, dict[str, Any]],
    url: str | None,
) -> None:
    """A process's life: see to these tables and queues, and say where; None: serve them."""
    url = url or serve()
    os.environ.update(isolate(database=url, gateway=url))
    try:
        there = boto3.client("dynamodb").list_tables()["TableNames"]
        create([table for table in tables if table["TableName"] not in there])
        queue.create(queues)
    except (BotoCoreError, ClientError) as error:
        channel.send({"error": str(error)})
        return
    channel.send({"url": url})
    threading.Event().wait()  # until the gateway ends

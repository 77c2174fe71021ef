"""DynamoDB and SQS on this machine: moto behind their real APIs, with what resources.json has."""

import logging
import os
import threading
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from chalice_ws.local import sqs as queue
from chalice_ws.local.isolation import isolate
from chalice_ws.local.processes import Channel
from chalice_ws.project.resources import create_tables


def serve() -> str:
    """Start them, empty, on a free port of this machine; return its URL."""
    from moto.server import ThreadedMotoServer  # takes half a second: only where it is needed

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


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
        create_tables([table for table in tables if table["TableName"] not in there])
        queue.create(queues)
    except (BotoCoreError, ClientError) as error:
        channel.send({"error": str(error)})
        return
    channel.send({"url": url})
    threading.Event().wait()  # until the gateway ends

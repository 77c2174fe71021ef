"""The same handlers as in handler.js, with boto3 in threads."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import boto3
from botocore.config import Config

Event = dict[str, Any]

STORE = Path(os.environ["STORE"])
client = boto3.client(
    "apigatewaymanagementapi",
    endpoint_url=f"http://127.0.0.1:{os.environ['PORT']}",
    region_name="us-east-1",
    aws_access_key_id="any",
    aws_secret_access_key="any",
    config=Config(max_pool_connections=50),
)


def connect(event: Event, context: Any) -> Event:
    (STORE / quote(event["requestContext"]["connectionId"], safe="")).touch()
    return {"statusCode": 200}


def disconnect(event: Event, context: Any) -> Event:
    name = quote(event["requestContext"]["connectionId"], safe="")
    (STORE / name).unlink(missing_ok=True)
    return {"statusCode": 200}


def message(event: Event, context: Any) -> Event:
    connection_id = event["requestContext"]["connectionId"]
    request = json.loads(event["body"])
    reply = json.dumps({"data": request["data"], "connectionId": connection_id})
    if request["action"] == "echo":
        post(connection_id, reply)
    else:
        everyone = [unquote(path.name) for path in STORE.iterdir()]
        with ThreadPoolExecutor(50) as pool:
            list(pool.map(lambda each: post(each, reply), everyone))
    return {"statusCode": 200}


def post(connection_id: str, data: str) -> None:
    client.post_to_connection(ConnectionId=connection_id, Data=data)

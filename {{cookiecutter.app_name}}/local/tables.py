"""DynamoDB on this machine: moto behind its real API, with the tables of resources.json."""

import json
import logging
import os
import threading
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

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
    """Start DynamoDB, empty, on a free port of this machine; return its URL."""
    from moto.server import ThreadedMotoServer  # half a second, where no table is needed too

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    return f"http://{host}:{port}"


def run(channel: Channel, template: Path, stack: str) -> None:
    """A process's life: serve DynamoDB with the tables of a template, and say where."""
    url = serve()
    os.environ.update(isolate(database=url, gateway=url))
    try:
        channel.send({"url": url, "tables": create(template, stack)})
    except (AttributeError, KeyError, ValueError, BotoCoreError, ClientError) as error:
        channel.send({"error": f"no tables from {template}: {error!r}"})
    threading.Event().wait()  # until the gateway ends


def create(template: Path, stack: str) -> list[str]:
    """Create the tables of a CloudFormation template and return their names.

    Args:
        template: a file such as resources.json; none there, no tables.
        stack: what ${AWS::StackName} stands for.
    """
    if not template.exists():
        return []
    resources = json.loads(template.read_text()).get("Resources", {})
    dynamodb = boto3.client("dynamodb")
    names = []
    for logical_id, resource in resources.items():
        if resource["Type"] != "AWS::DynamoDB::Table":
            continue
        properties = _resolve(resource["Properties"], stack)
        properties.setdefault("TableName", f"{stack}-{logical_id}")
        dynamodb.create_table(**{key: properties[key] for key in _CREATE & properties.keys()})
        if ttl := properties.get("TimeToLiveSpecification"):
            dynamodb.update_time_to_live(
                TableName=properties["TableName"], TimeToLiveSpecification=ttl
            )
        names.append(properties["TableName"])
    return names


def _resolve(value: Any, stack: str) -> Any:
    if isinstance(value, list):
        return [_resolve(each, stack) for each in value]
    if not isinstance(value, dict):
        return value
    if value == {"Ref": "AWS::StackName"}:
        return stack
    if value.keys() == {"Fn::Sub"}:
        return str(value["Fn::Sub"]).replace("${AWS::StackName}", stack)
    return {key: _resolve(each, stack) for key, each in value.items()}

"""An event of the right shape for each kind of function, from Chalice's own test client."""

import json
import os
import time
import uuid
from typing import Any

from chalice import Chalice

from chalice_ws.local.websocket_api.events import Peer
from chalice_ws.project.functions import CONNECT, MESSAGE, REST
from chalice_ws.project.resources import ACCOUNT

Event = dict[str, Any]


def sample_event(kind: str, source: str = "", api_stage: str = "api") -> Event:
    """Return an event.

    Args:
        kind: the kind of the function's trigger, or the name of a WebSocket function.
        source: the trigger's source, such as the name of a queue.
        api_stage: the stage of the API.
    """
    # The import takes a part of a second, and most runs of the gateway do not need it.
    from chalice.test import TestEventsClient

    # No event depends on the app.
    client = TestEventsClient(Chalice("any", configure_logs=False))
    region = os.environ.get("AWS_REGION", "us-east-1")
    name = source.rpartition(":")[2] or "name"
    event: Event = {}
    if kind == "schedule":
        rule = f"arn:aws:events:{region}:{ACCOUNT}:rule/local"
        event = client.generate_cw_event("aws.events", "Scheduled Event", {}, [rule], region)
    elif kind == "cw_event":
        pattern = json.loads(source or "{}")
        detail_type = _first(pattern, "detail-type", "Local Event")
        event = client.generate_cw_event(
            _first(pattern, "source", "local"), detail_type, {}, [], region
        )
    elif kind == "sqs":
        event = client.generate_sqs_event(['{"hello": "world"}'], name)
    elif kind == "sns":
        event = client.generate_sns_event('{"hello": "world"}', "Hello")
    elif kind == "s3":
        event = client.generate_s3_event(name, "hello.txt")
    elif kind == "kinesis":
        event = client.generate_kinesis_event([b'{"hello": "world"}'], name)
    elif kind == "dynamodb":
        event = _dynamodb_event(source, region)
    elif kind == REST:
        event = _http_event(api_stage)
    elif kind.startswith("websocket_"):
        event = _websocket_event(kind, api_stage)
    if kind in ("schedule", "cw_event"):
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        event.update(version="0", id=str(uuid.uuid4()), time=now, account=ACCOUNT)
    for record in event.get("Records", []):
        record.update({"awsRegion": region} if "awsRegion" in record else {})
    return event


def _first(pattern: dict[str, Any], field: str, default: str) -> str:
    # A pattern lists the values that match.
    values = pattern.get(field)
    value = values[0] if isinstance(values, list) and values else None
    return value if isinstance(value, str) else default


def _dynamodb_event(stream: str, region: str) -> Event:
    arn = stream or f"arn:aws:dynamodb:{region}:{ACCOUNT}:table/name/stream/2026-01-01T00:00:00.000"
    image = {"id": {"S": "1"}}
    change = {
        "ApproximateCreationDateTime": int(time.time()),
        "Keys": image,
        "NewImage": image,
        "SequenceNumber": "1",
        "SizeBytes": 8,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    }
    record = {
        "eventID": "1",
        "eventName": "INSERT",
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": region,
        "dynamodb": change,
        "eventSourceARN": arn,
    }
    return {"Records": [record]}


def _http_event(stage: str) -> Event:
    context = {
        "httpMethod": "GET",
        "resourcePath": "/",
        "path": f"/{stage}/",
        "stage": stage,
        "identity": {"sourceIp": "127.0.0.1"},
    }
    return {
        "resource": "/",
        "path": "/",
        "httpMethod": "GET",
        "headers": {"Host": "localhost"},
        "multiValueHeaders": {"Host": ["localhost"]},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": context,
        "body": None,
        "isBase64Encoded": False,
    }


def _websocket_event(name: str, stage: str) -> Event:
    peer = Peer(stage, "localhost")
    if name == CONNECT:
        return peer.connect([("Host", "localhost")])
    if name == MESSAGE:
        return peer.message("{}")
    return peer.disconnect(1000, "")

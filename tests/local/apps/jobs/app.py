"""Functions with every kind of event source, beside a WebSocket API."""

import json
import os
import sys
from typing import Any

import boto3
from chalice import Chalice, Rate
from chalice.app import (
    CloudWatchEvent,
    DynamoDBEvent,
    KinesisEvent,
    S3Event,
    SNSEvent,
    SQSEvent,
    WebsocketEvent,
)

app = Chalice(app_name="jobs")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.session.Session()


def seen() -> Any:
    return boto3.resource("dynamodb").Table(os.environ["TABLE"])


@app.on_ws_connect()
def connect(event: WebsocketEvent) -> None:
    seen().put_item(Item={"id": event.connection_id, "kind": "connection"})


@app.on_ws_message()
def message(event: WebsocketEvent) -> None:
    """Put a job into the queue, or send the context of the authorizer."""
    if event.body == "who":
        who = event.to_dict()["requestContext"].get("authorizer")
        app.websocket_api.send(event.connection_id, json.dumps(who))
        return
    sqs = boto3.client("sqs")
    url = sqs.get_queue_url(QueueName="jobs")["QueueUrl"]
    attributes = {"kind": {"DataType": "String", "StringValue": "job"}}
    sqs.send_message(QueueUrl=url, MessageBody=event.body, MessageAttributes=attributes)


@app.on_sqs_message(queue="jobs", batch_size=5)
def work(event: SQSEvent) -> None:
    """Send each job to all connections."""
    for record in event:
        kind = record.to_dict()["messageAttributes"]["kind"]["stringValue"]
        send(f"{kind} {record.body}")


@app.on_sqs_message(queue="elsewhere")
def other_queue(event: SQSEvent) -> list[str]:
    return [record.body for record in event]


@app.schedule(Rate(1, unit=Rate.MINUTES))
def minutely(event: CloudWatchEvent) -> int:
    """Send the time to all connections."""
    return send(f"it is {event.time}")


@app.schedule("cron(0 3 * * ? *)")
def nightly(event: CloudWatchEvent) -> dict[str, Any]:
    print("good night")
    return {"source": event.source, "time": event.time, "own": os.environ.get("OWN")}


@app.on_cw_event({"source": ["aws.ec2"]})
def on_event(event: CloudWatchEvent) -> list[str]:
    return [event.source, event.detail_type]


@app.on_sns_message(topic="alarms")
def on_alarm(event: SNSEvent) -> list[str]:
    return [event.subject, event.message]


@app.on_s3_event(bucket="pictures", events=["s3:ObjectCreated:*"])
def on_picture(event: S3Event) -> list[str]:
    return [event.bucket, event.key]


@app.on_kinesis_record(stream="clicks")
def on_click(event: KinesisEvent) -> list[str]:
    return [record.data.decode() for record in event]


@app.on_dynamodb_record(
    stream_arn="arn:aws:dynamodb:us-east-1:123456789012:table/seen/stream/2026-01-01T00:00:00.000"
)
def on_row(event: DynamoDBEvent) -> list[Any]:
    return [[record.table_name, record.event_name, record.new_image] for record in event]


@app.lambda_function()
def count(event: Any, context: Any) -> dict[str, Any]:
    rows = seen().scan()["Items"]
    name = context.function_name
    return {"connections": len(rows), "event": event, "function": name}


@app.lambda_function()
def fail(event: Any, context: Any) -> None:
    if event == "exit":
        sys.exit("as ordered")
    raise ValueError("as ordered")


@app.lambda_function()
def guard(event: Any, context: Any) -> dict[str, Any]:
    """An authorizer of the WebSocket API."""
    user = event.get("queryStringParameters", {}).get("user")
    if user == "fault":
        raise ValueError("as ordered")
    if user is None:
        raise Exception("Unauthorized")
    effect = "Deny" if user == "eve" else "Allow"
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": user, "policyDocument": policy, "context": {"admin": True, "level": 3}}


@app.route("/health")
def health() -> dict[str, bool]:
    return {"ok": True}


def send(text: str) -> int:
    ids = [row["id"] for row in seen().scan()["Items"]]
    for connection_id in ids:
        app.websocket_api.configure_from_api_id("local", "api")
        app.websocket_api.send(connection_id, text)
    return len(ids)

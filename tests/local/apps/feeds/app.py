"""Handlers of a topic and of a table's stream, both of which a message of a client reaches."""

import json
import os

import boto3
from chalice import Chalice

app = Chalice(app_name="feeds")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.session.Session()
failures = []


@app.on_ws_message()
def post(event):
    topic = {"TopicArn": os.environ["TOPIC"], "Subject": event.connection_id}
    kind = {"kind": {"DataType": "String", "StringValue": "post"}}
    boto3.client("sns").publish(**topic, Message=event.body, MessageAttributes=kind)
    table = boto3.resource("dynamodb").Table("feeds-posts")
    table.put_item(Item={"id": event.body, "by": event.connection_id, "raw": b"raw"})


@app.on_sns_message(topic="feeds-posted")
def on_posted(event):
    kind = event.to_dict()["Records"][0]["Sns"]["MessageAttributes"]["kind"]["Value"]
    send(event.subject, {"topic": event.message, "kind": kind})


@app.on_dynamodb_record(os.environ.get("STREAM", ""), batch_size=1)
def on_row(event):
    (record,) = event
    if not failures and record.keys["id"]["S"] == "twice":
        # The record comes once more, to the same process.
        failures.append(record)
        raise RuntimeError("the first attempt")
    row = record.new_image
    send(row["by"]["S"], {"row": row["id"]["S"], "raw": row["raw"]["B"], "is": record.event_name})


@app.lambda_function()
def mapped(event, context):
    for record in event["Records"]:
        row = record["dynamodb"]["NewImage"]
        send(row["by"]["S"], {"mapped": row["id"]["S"]})


@app.on_sqs_message(queue="feeds-copies")
def on_copy(event):
    for record in event:
        notification = json.loads(record.body)
        send(notification["Subject"], {"copy": notification["Message"]})


def send(connection_id, value):
    app.websocket_api.configure_from_api_id("local", "api")
    app.websocket_api.send(connection_id, json.dumps(value))

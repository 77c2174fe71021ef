"""Call each function, and compare its calls to AWS with its policy file."""

import json
import os
from pathlib import Path
from types import SimpleNamespace

os.environ |= {"CONNECTIONS_TABLE": "gate", "AWS_DEFAULT_REGION": "us-east-1"}
os.environ |= {"AWS_ACCESS_KEY_ID": "gate", "AWS_SECRET_ACCESS_KEY": "gate"}

import app
import boto3
from moto import mock_aws

calls = set()


def record(model, **_):
    service, action = model.service_model.signing_name, model.name
    if service == "execute-api":
        action = "ManageConnections"
    calls.add(f"{service}:{action}")


def event(body=None):
    ids = {"connectionId": "PJqB0fHsqRcCHlw=", "apiId": "gate", "stage": "api"}
    return {"requestContext": {**ids, "domainName": "gate"}, "body": body}


def compare(name, function, *events):
    calls.clear()
    for each in events:
        function(each, SimpleNamespace())
    policy = json.loads(Path(f".chalice/dev/{name}.json").read_text())
    allowed = {action for each in policy["Statement"] for action in each["Action"]}
    for action in sorted(calls - allowed):
        print(f".chalice/dev/{name}.json does not allow {action}")
    for action in sorted(each for each in allowed - calls if not each.startswith("logs:")):
        print(f".chalice/dev/{name}.json allows {action}, and nothing needs it")


def notify_twice(event, context):
    app.notify(event, context)
    # The second time, the members are gone.
    app.send = lambda connection_id, frame: False
    app.notify(event, context)


with mock_aws():
    boto3.setup_default_session()
    app.app.websocket_api.session = boto3.session.Session()
    for session in (boto3.DEFAULT_SESSION, app.app.websocket_api.session):
        session.events.register("before-call", record)
    keys = ("channel", "HASH"), ("connection_id", "RANGE")
    boto3.resource("dynamodb").create_table(
        TableName="gate",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key, _ in keys],
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys],
    )
    frames = [{"action": action, "channel": "tea", "data": 1} for action in app.ACTIONS]
    compare("connect", app.connect, event())
    compare("message", app.message, *[event(json.dumps(frame)) for frame in frames])
    compare("notify", notify_twice, {"data": 1})
    compare("disconnect", app.disconnect, event())
print("The gate has called all functions.")

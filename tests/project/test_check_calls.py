"""The calls in the source of apps that are not from the template, and their policies."""

import json
import sys
from pathlib import Path
from typing import Any

from tests.project.test_check_foreign import check, make_app

APP = """
import boto3
from chalice import Chalice
from chalicelib import store, tools
from chalicelib.store import Rooms as People

app = Chalice(app_name="rooms")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = boto3.session.Session()
people = People()
_queue = None


def queue():
    global _queue
    if _queue is None:
        _queue = boto3.client("sqs")
    return _queue


@app.on_ws_connect()
def connect(event):
    people.add(event.connection_id)


@app.on_ws_message()
def message(event):
    store.copy("a", "b")
    queue().send_message(QueueUrl="q", MessageBody=event.body)


@app.route("/pictures")
def pictures():
    s3 = boto3.client(service_name="s3", region_name="eu-west-1")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket="pictures")
    s3.head_object(Bucket="pictures", Key="a")
    with tools.table().batch_writer() as batch:
        batch.put_item(Item={})
    return {}


@app.lambda_function()
def resize(event, context):
    (client := boto3.client("lambda")).invoke(FunctionName="other")
    emulator = boto3.client("dynamodb", endpoint_url="http://127.0.0.1:8000")
    emulator.scan(TableName="t")
    boto3.client("sts").get_caller_identity()
    api = boto3.client("apigatewaymanagementapi", endpoint_url="https://example.com/api")
    api.post_to_connection(ConnectionId="c", Data=b"")
    boto3.client("cognito-idp").sign_up(ClientId="c", Username="u", Password="p")
    unknown(event).get_item(Key={})


def unknown(not_called):
    return not_called


def not_called():
    boto3.client("kms").decrypt(CiphertextBlob=b"")


ACTIONS = {"not called": not_called}
"""

STORE = """
import boto3


class Rooms:
    def __init__(self):
        self._table = boto3.resource("dynamodb").Table("rooms")

    def add(self, name):
        self._table.put_item(Item={"name": name})


def copy(source, target):
    boto3.client("dynamodb").transact_write_items(TransactItems=[])
"""

TOOLS = """
from .inner.made import make


def table():
    return make()
"""

MADE = """
import boto3

ROOMS = boto3.resource("dynamodb").Table("rooms")


def make():
    return ROOMS
"""

SOURCES = {
    "app.py": APP,
    "chalicelib/__init__.py": "",
    "chalicelib/store.py": STORE,
    "chalicelib/tools.py": TOOLS,
    "chalicelib/inner/__init__.py": "",
    "chalicelib/inner/made.py": MADE,
}
FUNCTIONS = ("websocket_connect", "websocket_message", "api_handler", "resize")

# The actions that each function needs, each with the place of the call.
NEEDED = {
    "websocket_connect": {"dynamodb:PutItem": "chalicelib/store.py:10"},
    "websocket_message": {
        "dynamodb:ConditionCheckItem or dynamodb:DeleteItem or dynamodb:PutItem or "
        "dynamodb:UpdateItem": "chalicelib/store.py:14",
        "sqs:SendMessage": "app.py:29",
    },
    "api_handler": {
        "s3:ListBucket": "app.py:35",
        "s3:GetObject": "app.py:36",
        "dynamodb:BatchWriteItem": "app.py:37",
    },
    "resize": {"lambda:InvokeFunction": "app.py:44", "execute-api:ManageConnections": "app.py:49"},
}


def allow(*actions: str, effect: str = "Allow") -> dict[str, Any]:
    """Return a statement for any resource."""
    return {"Effect": effect, "Action": [*actions], "Resource": "*"}


def app_with(folder: Path, policies: dict[str, list[dict[str, Any]]]) -> Path:
    """Make the app with a policy file for each function."""
    # check/policies.py reports the sending of the function for messages.
    sending = {"websocket_message": [allow("execute-api:ManageConnections")]}
    files = {
        f".chalice/{name}.json": {
            "Version": "2012-10-17",
            "Statement": [*sending.get(name, []), *statements],
        }
        for name, statements in policies.items()
    }
    functions = {name: {"iam_policy_file": f"{name}.json"} for name in policies}
    stages = {"dev": {"lambda_functions": functions}}
    settings = {"autogen_policy": False, "lambda_timeout": 29, "stages": stages}
    return make_app(folder, {**SOURCES, **files}, **settings)


def test_call_that_the_policy_of_its_function_does_not_allow_is_an_error(tmp_path: Path) -> None:
    lines = check(app_with(tmp_path, {name: [] for name in FUNCTIONS}))
    assert len(lines) == len(NEEDED)
    for name, places in NEEDED.items():
        start = f"error: .chalice/{name}.json does not allow what the app calls (got "
        (line,) = [each for each in lines if each.startswith(start)]
        assert line.count(" in ") == len(places), line
        for action, place in places.items():
            assert f"{action} in " in line, line
            assert place in line, line


def test_policies_that_allow_the_calls_pass_and_denials_do_not(tmp_path: Path) -> None:
    policies = {
        "websocket_connect": [allow("dynamodb:Put*")],
        "websocket_message": [allow("dynamodb:UpdateItem", "SQS:sendmessage")],
        "api_handler": [{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}],
        "resize": [allow("*")],
    }
    assert check(app_with(tmp_path, policies)) == []
    policies["resize"].append(allow("lambda:Invoke*", effect="Deny"))
    (line,) = check(app_with(tmp_path, policies))
    assert "resize.json does not allow what the app calls (got lambda:InvokeFunction in " in line


def test_policy_of_aws_that_is_attached_to_a_role_may_allow_the_calls(
    tmp_path: Path,
) -> None:
    """The check does not know all that AWS's policies allow."""
    app = app_with(tmp_path, {**{name: [allow("*")] for name in FUNCTIONS}, "api_handler": []})
    policies = ["arn:aws:iam::aws:policy/AmazonS3FullAccess"]
    role = {"Properties": {"ManagedPolicyArns": policies}}
    (line,) = check(app)
    assert "api_handler.json does not allow what the app calls" in line
    (app / "resources.json").write_text(json.dumps({"Resources": {"ApiHandlerRole": role}}))
    assert check(app) == []


def test_calls_that_chalice_does_not_see_are_a_warning(tmp_path: Path) -> None:
    (line,) = check(make_app(tmp_path, SOURCES, lambda_timeout=29))
    assert line.startswith("warning: ")
    assert "the policy that Chalice guesses does not allow what the app calls (got " in line
    assert "dynamodb:PutItem in " in line
    assert line.endswith('; use "autogen_policy": false and a policy file')


def test_app_for_which_chalice_cannot_guess_a_policy_is_an_error(tmp_path: Path) -> None:
    """https://github.com/aws/chalice/issues/1798"""
    source = "from chalice import Chalice\n\napp = Chalice(app_name='rooms')\n"
    route = "\n\n@app.route('/')\ndef index():\n    return sorted({int(each) for each in '12'})\n"
    found = check(make_app(tmp_path, {"app.py": source + route}))
    # From Python 3.12 on, such an expression is part of its function: Chalice can read it.
    if sys.version_info >= (3, 12):
        assert found == []
    else:
        (line,) = found
        assert "Chalice cannot guess a policy for app.py (got KeyError: 'int'); use" in line

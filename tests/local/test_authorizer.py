"""The Lambda authorizer of the WebSocket API, as --authorizer gives it."""

import json
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.local.gateway import APPS, Gateway, ask, client, running, serving
from tests.local.test_cli import error_line

pytestmark = pytest.mark.full


def who(gateway: Gateway, query: str = "", **headers: str) -> Any:
    """Connect, and return the context of the authorizer in the event of a message."""
    with client(f"{gateway.url}?{query}", additional_headers=headers) as guest:
        return json.loads(ask(guest, "who"))


def refusal(gateway: Gateway, query: str) -> int:
    """Return the status of a handshake that must be refused."""
    with pytest.raises(InvalidStatus) as refused, client(f"{gateway.url}?{query}"):
        pass
    return refused.value.response.status_code


def test_object_is_in_every_event_as_text(app: Path, tmp_path: Path) -> None:
    context = '--authorizer={"principalId": "ann", "level": 3, "admin": true}'
    with running(app, "bare", tmp_path, context) as gateway:
        with client(gateway.url) as guest:
            connection_id = json.loads(ask(guest, "event"))["requestContext"]["connectionId"]
        gateway.wait_for_disconnect(connection_id)
        events = [line["event"]["requestContext"] for line in gateway.events()]
    assert [each["eventType"] for each in events] == ["CONNECT", "MESSAGE", "DISCONNECT"]
    expected = {"principalId": "ann", "level": "3", "admin": "true"}
    assert [each["authorizer"] for each in events] == [expected] * 3


def test_event_without_authorizer_has_no_field(bare: Gateway) -> None:
    with client(bare.url) as guest:
        assert "authorizer" not in json.loads(ask(guest, "event"))["requestContext"]


def test_values_of_the_handshake_let_two_users_be_tried(app: Path, tmp_path: Path) -> None:
    context = {
        "principalId": "route.request.querystring.user",
        "tenant": "route.request.header.X-Tenant",
        "role": "member",
    }
    with running(app, "jobs", tmp_path, f"--authorizer={json.dumps(context)}") as gateway:
        for user in ("ann", "bob"):
            seen = who(gateway, f"user={user}", **{"X-Tenant": "acme"})
            assert seen == {"principalId": user, "tenant": "acme", "role": "member"}
        # Without its identity source AWS refuses a client.
        assert refusal(gateway, "user=ann") == 401
        gateway.prints("the handshake has no header.X-Tenant; answered 401")


def test_function_of_the_app_is_the_authorizer(app: Path, tmp_path: Path) -> None:
    with running(app, "jobs", tmp_path, "--authorizer=guard") as gateway:
        seen = who(gateway, "user=ann")
        assert seen == {"principalId": "ann", "admin": "true", "level": "3"}
        assert refusal(gateway, "") == 401
        assert refusal(gateway, "user=eve") == 403
        assert refusal(gateway, "user=fault") == 500


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ('{"principalId"', "is not valid JSON"),
        ('{"principalId": ["ann"]}', "principalId is not a simple value (got ['ann'])"),
        ("{}", "is empty"),
        ("nobody", "no function of the app (got 'nobody'); use one of"),
    ],
)
def test_wrong_authorizer_is_an_error(app: Path, tmp_path: Path, value: str, told: str) -> None:
    project = copytree(APPS / "jobs", tmp_path / "jobs")
    assert told in error_line(app, project, tmp_path, f"--authorizer={value}")


def test_function_gets_the_fields_that_are_empty(app: Path, tmp_path: Path) -> None:
    """AWS's sample reads them without a question."""
    project = copytree(APPS / "jobs", tmp_path / "jobs")
    source = """

@app.lambda_function()
def careful(event, context):
    names = ("queryStringParameters", "multiValueQueryStringParameters", "stageVariables")
    statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": event["methodArn"]}
    seen = {"seen": "".join(str(event[name]) for name in names) + str("isBase64Encoded" in event)}
    return {"principalId": "ann", "policyDocument": {"Statement": [statement]}, "context": seen}
"""
    with (project / "app.py").open("a") as file:
        file.write(source)
    with serving(app, project, tmp_path, "--authorizer=careful") as gateway:
        assert who(gateway) == {"principalId": "ann", "seen": "{}{}{}False"}
        assert who(gateway, "room=a")["seen"] == "{'room': 'a'}{'room': ['a']}{}False"

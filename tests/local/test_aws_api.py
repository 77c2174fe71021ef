"""The gateway's AWS APIs: the management API and Lambda's Invoke."""

import http.client
import json
import re
import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from botocore.exceptions import ClientError
from websockets.sync.client import ClientConnection

from tests.local.boto3_client import boto3_client
from tests.local.gateway import SECONDS, Gateway, ask, client, ended, id_of, poll, running
from tests.local.machine import FOREIGN
from tests.local.raw_client import KB

NEVER_SEEN = "AAAAAAAAAAAAAAA="


@pytest.fixture(scope="module")
def management(bare: Gateway) -> Iterator[Any]:
    endpoint = f"http://127.0.0.1:{bare.port}/{bare.stage}"
    with boto3_client("apigatewaymanagementapi", endpoint) as made:
        yield made


@pytest.fixture(scope="module")
def functions(bare: Gateway) -> Iterator[Any]:
    with boto3_client("lambda", f"http://127.0.0.1:{bare.port}") as made:
        yield made


@pytest.fixture
def guest(bare: Gateway) -> Iterator[ClientConnection]:
    with client(bare.url, user_agent_header="Test/1") as each:
        yield each


# The management API


def test_post_sends_the_body_as_text(bare: Gateway, guest: ClientConnection) -> None:
    answer = bare.http("POST", bare.connections(id_of(guest)), "é ☃".encode())
    assert (answer.status, answer.body) == (200, b"")
    assert guest.recv(timeout=SECONDS) == "é ☃"


def test_post_reaches_its_connection_alone(
    bare: Gateway, management: Any, guest: ClientConnection
) -> None:
    with client(bare.url) as other:
        management.post_to_connection(ConnectionId=id_of(guest), Data="é ☃".encode())
        assert guest.recv(timeout=SECONDS) == "é ☃"
        assert ask(other, "hello") == "hello"


@pytest.mark.parametrize("folder", ["@connections", "%40connections"])
@pytest.mark.parametrize("end", ["=", "%3D", "%3d"])
def test_post_to_encoded_path_is_accepted(
    bare: Gateway, guest: ClientConnection, folder: str, end: str
) -> None:
    name = id_of(guest).removesuffix("=") + end
    assert bare.http("POST", f"/{bare.stage}/{folder}/{name}", b"hello").status == 200
    assert guest.recv(timeout=SECONDS) == "hello"


def test_get_describes_the_connection(bare: Gateway, guest: ClientConnection) -> None:
    event = json.loads(ask(guest, "event"))["requestContext"]
    answer = bare.http("GET", bare.connections(event["connectionId"]))
    found = json.loads(answer.body)
    assert answer.status == 200
    assert found.keys() == {"connectedAt", "identity", "lastActiveAt"}
    assert found["identity"] == {"sourceIp": "127.0.0.1", "userAgent": "Test/1"}
    for name in ("connectedAt", "lastActiveAt"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", found[name])


def test_get_through_boto3_describes_the_connection(
    management: Any, guest: ClientConnection
) -> None:
    event = json.loads(ask(guest, "event"))["requestContext"]
    found = management.get_connection(ConnectionId=event["connectionId"])
    assert found["Identity"] == {"SourceIp": "127.0.0.1", "UserAgent": "Test/1"}
    assert int(found["ConnectedAt"].timestamp()) == event["connectedAt"] // 1000
    assert found["ConnectedAt"] <= found["LastActiveAt"]


def test_delete_closes_the_connection(management: Any, guest: ClientConnection) -> None:
    connection_id = id_of(guest)
    found = management.delete_connection(ConnectionId=connection_id)
    assert found["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert ended(guest)[0] == 1000
    check_gone(management, connection_id)


def test_connection_that_has_ended_is_gone(bare: Gateway, management: Any) -> None:
    with client(bare.url) as each:
        connection_id = id_of(each)
    bare.wait_for_disconnect(connection_id)
    check_gone(management, connection_id)


def test_connection_that_never_existed_is_gone(management: Any) -> None:
    check_gone(management, NEVER_SEEN)


def check_gone(management: Any, connection_id: str) -> None:
    with pytest.raises(management.exceptions.GoneException):
        management.post_to_connection(ConnectionId=connection_id, Data=b"hello")
    with pytest.raises(management.exceptions.GoneException):
        management.get_connection(ConnectionId=connection_id)
    with pytest.raises(management.exceptions.GoneException):
        management.delete_connection(ConnectionId=connection_id)


@pytest.mark.parametrize("name", ["nope", NEVER_SEEN[:-1], NEVER_SEEN + "A", "AAA/AAA+AAAAAAA="])
def test_connection_id_that_is_not_valid_is_a_bad_request(management: Any, name: str) -> None:
    with pytest.raises(ClientError) as refused:
        management.post_to_connection(ConnectionId=name, Data=b"hello")
    told = refused.value.response
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert told["Error"]["Code"] == "BadRequestException"
    assert told["Error"]["Message"] == f"Invalid connectionId: {name}"


def test_post_of_128_kb_is_sent(management: Any, guest: ClientConnection) -> None:
    text = "é" * (64 * KB)
    management.post_to_connection(ConnectionId=id_of(guest), Data=text.encode())
    assert guest.recv(timeout=SECONDS) == text


def test_post_over_128_kb_is_too_large(management: Any, guest: ClientConnection) -> None:
    connection_id = id_of(guest)
    with pytest.raises(management.exceptions.PayloadTooLargeException):
        management.post_to_connection(ConnectionId=connection_id, Data=b"x" * (128 * KB + 1))
    assert ask(guest, "hello") == "hello"


@pytest.mark.parametrize("method", ["POST", "GET", "DELETE"])
@pytest.mark.parametrize(
    ("status", "kind", "path"),
    [
        (400, "BadRequestException", "/api/@connections/nope"),
        (403, "ForbiddenException", f"/prod/@connections/{quote(NEVER_SEEN)}"),
        (410, "GoneException", f"/api/@connections/{quote(NEVER_SEEN)}"),
    ],
)
def test_error_names_its_type(
    bare: Gateway, method: str, status: int, kind: str, path: str
) -> None:
    answer = bare.http(method, path)
    assert answer.status == status
    assert answer.headers["x-amzn-ErrorType"] == kind
    assert json.loads(answer.body)["message"]


def test_error_of_a_large_post_names_its_type(bare: Gateway, guest: ClientConnection) -> None:
    answer = bare.http("POST", bare.connections(id_of(guest)), b"x" * (128 * KB + 1))
    assert answer.status == 413
    assert answer.headers["x-amzn-ErrorType"] == "PayloadTooLargeException"


def test_path_of_another_stage_is_forbidden(bare: Gateway, guest: ClientConnection) -> None:
    endpoint = f"http://127.0.0.1:{bare.port}/other"
    with boto3_client("apigatewaymanagementapi", endpoint) as elsewhere:
        connection_id = id_of(guest)
        with pytest.raises(elsewhere.exceptions.ForbiddenException):
            elsewhere.post_to_connection(ConnectionId=connection_id, Data=b"hello")


def test_post_during_connect_is_gone(bare: Gateway) -> None:
    mark = secrets.token_hex(4)
    with client(f"{bare.url}?post={mark}") as each:
        query = {"post": mark}
        line = bare.wait_for_event(lambda event: event.get("queryStringParameters") == query)
        assert line["outcome"] == "WebsocketDisconnectedError"
        # The message is not sent later either.
        assert ask(each, "hello") == "hello"


@pytest.mark.parametrize(
    "path", ["/2015-03-31/functions/echo/invocations", "/api/@connections/AAAAAAAAAAAAAAA="]
)
def test_call_of_a_web_page_is_forbidden(bare: Gateway, path: str) -> None:
    """A browser sends such a POST for any page, without a preflight request."""
    with closing(http.client.HTTPConnection("127.0.0.1", bare.port, SECONDS)) as connection:
        connection.request("POST", path, b"{}", {"Origin": "https://page.example"})
        assert connection.getresponse().status == 403


# Invoke


@pytest.mark.parametrize(
    "name",
    ["echo", "bare-dev-echo", "arn:aws:lambda:us-east-1:123456789012:function:bare-dev-echo"],
)
def test_invoke_returns_the_value(functions: Any, name: str) -> None:
    payload = {"text": "é ☃", "list": [1, None]}
    found = functions.invoke(FunctionName=name, Payload=json.dumps(payload))
    assert found["StatusCode"] == 200
    assert "FunctionError" not in found
    value = json.load(found["Payload"])
    assert value["event"] == payload
    assert value["function"] == "bare-dev-echo"


def test_function_has_the_variables_of_its_settings(functions: Any) -> None:
    found = functions.invoke(FunctionName="echo")
    assert json.load(found["Payload"])["greeting"] == "hello"


def test_invoke_runs_the_function_of_its_stage(app: Path, tmp_path: Path) -> None:
    with (
        running(app, "silent", tmp_path, "--stage=prod") as gateway,
        boto3_client("lambda", f"http://127.0.0.1:{gateway.port}") as functions,
    ):
        found = functions.invoke(FunctionName="silent-prod-greet")
        assert json.load(found["Payload"]) == ["good evening", "silent-prod-greet"]


def test_invoke_as_an_event_does_not_wait(bare: Gateway, functions: Any) -> None:
    mark = secrets.token_hex(4)
    payload = json.dumps({"touch": mark})
    found = functions.invoke(FunctionName="echo", InvocationType="Event", Payload=payload)
    assert (found["StatusCode"], found["Payload"].read()) == (202, b"")
    poll(lambda: (bare.project / mark).exists() or None)


def test_invoke_as_an_event_reports_no_failure(functions: Any) -> None:
    found = functions.invoke(FunctionName="fail", InvocationType="Event")
    assert found["StatusCode"] == 202
    assert "FunctionError" not in found


def test_invoke_as_a_dry_run_runs_nothing(bare: Gateway, functions: Any) -> None:
    mark = secrets.token_hex(4)
    payload = json.dumps({"touch": mark})
    found = functions.invoke(FunctionName="echo", InvocationType="DryRun", Payload=payload)
    assert (found["StatusCode"], found["Payload"].read()) == (204, b"")
    functions.invoke(FunctionName="echo")
    assert not (bare.project / mark).exists()


@pytest.mark.parametrize(
    ("order", "report"),
    [
        ("{}", ("ValueError", "as ordered")),
        ('{"exit": true}', ("Runtime.ExitError", "Runtime exited")),
    ],
)
def test_invoke_of_a_failing_function_is_a_function_error(
    functions: Any, order: str, report: tuple[str, str]
) -> None:
    found = functions.invoke(FunctionName="fail", Payload=order)
    body = json.load(found["Payload"])
    assert (found["StatusCode"], found["FunctionError"]) == (200, "Unhandled")
    assert (body["errorType"], body["errorMessage"]) == report


@pytest.mark.parametrize("kind", ["RequestResponse", "Event", "DryRun"])
@pytest.mark.parametrize("name", ["nobody", "bare-prod-echo"])
def test_invoke_of_an_unknown_function_is_not_found(functions: Any, name: str, kind: str) -> None:
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.invoke(FunctionName=name, InvocationType=kind)


def test_invoke_with_a_payload_other_than_json_is_refused(functions: Any) -> None:
    with pytest.raises(functions.exceptions.InvalidRequestContentException):
        functions.invoke(FunctionName="echo", Payload=b"{")
    with pytest.raises(functions.exceptions.InvalidRequestContentException, match="NaN"):
        functions.invoke(FunctionName="echo", Payload=b'{"x": NaN}')


def test_function_uses_no_account_of_this_machine(functions: Any) -> None:
    found = json.load(functions.invoke(FunctionName="aws")["Payload"])
    assert FOREIGN not in json.dumps(found)
    assert found["key"]
    assert len(found["endpoints"]) == 4
    for endpoint in found["endpoints"].values():
        assert endpoint.startswith("http://127.0.0.1:")

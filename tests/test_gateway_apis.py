"""The local gateway for boto3 clients and on the command line."""

import http.client
import json
import re
import secrets
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from shutil import copytree
from typing import Any
from urllib.parse import quote

import pytest
from botocore.exceptions import ClientError
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection

from tests.gateway import (
    APPS,
    FOREIGN,
    KB,
    SECONDS,
    Answer,
    Gateway,
    ask,
    boto3_client,
    client,
    command,
    ended,
    environment,
    id_of,
    poll,
    raw_client,
    running,
)

NEVER_SEEN = "AAAAAAAAAAAAAAA="

# A gateway, one of its connections, and what came back from posts to it.
Slow = tuple[Gateway, str, list[Answer]]


@pytest.fixture(scope="module")
def bare(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(app, "bare", tmp_path_factory.mktemp("bare")) as gateway:
        yield gateway


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


@pytest.fixture(scope="module")
def slow(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slow]:
    """A client that reads nothing, and what those who write to it are answered."""
    tmp = tmp_path_factory.mktemp("slow")
    with running(app, "bare", tmp) as gateway, raw_client(gateway, "mark=slow"):
        connection_id = gateway.connected("slow")["requestContext"]["connectionId"]
        path = gateway.connections(connection_id)
        # 16 MB, more than the buffers on the way hold.
        answers = [gateway.http("POST", path, b"x" * (128 * KB)) for _ in range(128)]
        yield gateway, connection_id, answers


# The management API


def test_post_sends(bare: Gateway, guest: ClientConnection) -> None:
    answer = bare.http("POST", bare.connections(id_of(guest)), "é ☃".encode())
    assert (answer.status, answer.body) == (200, b"")
    assert guest.recv(timeout=SECONDS) == "é ☃"


def test_post_reaches_one_connection(
    bare: Gateway, management: Any, guest: ClientConnection
) -> None:
    with client(bare.url) as other:
        management.post_to_connection(ConnectionId=id_of(guest), Data="é ☃".encode())
        assert guest.recv(timeout=SECONDS) == "é ☃"
        assert ask(other, "hello") == "hello"


@pytest.mark.parametrize("folder", ["@connections", "%40connections"])
@pytest.mark.parametrize("end", ["=", "%3D", "%3d"])
def test_path_may_be_encoded(bare: Gateway, guest: ClientConnection, folder: str, end: str) -> None:
    name = id_of(guest).removesuffix("=") + end
    assert bare.http("POST", f"/{bare.stage}/{folder}/{name}", b"hello").status == 200
    assert guest.recv(timeout=SECONDS) == "hello"


def test_get_tells(bare: Gateway, guest: ClientConnection) -> None:
    event = json.loads(ask(guest, "event"))["requestContext"]
    answer = bare.http("GET", bare.connections(event["connectionId"]))
    found = json.loads(answer.body)
    assert answer.status == 200
    assert found.keys() == {"connectedAt", "identity", "lastActiveAt"}
    assert found["identity"] == {"sourceIp": "127.0.0.1", "userAgent": "Test/1"}
    for name in ("connectedAt", "lastActiveAt"):
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", found[name])


def test_get_tells_boto3(management: Any, guest: ClientConnection) -> None:
    event = json.loads(ask(guest, "event"))["requestContext"]
    found = management.get_connection(ConnectionId=event["connectionId"])
    assert found["Identity"] == {"SourceIp": "127.0.0.1", "UserAgent": "Test/1"}
    assert int(found["ConnectedAt"].timestamp()) == event["connectedAt"] // 1000
    assert found["ConnectedAt"] <= found["LastActiveAt"]


def test_delete_closes(management: Any, guest: ClientConnection) -> None:
    connection_id = id_of(guest)
    found = management.delete_connection(ConnectionId=connection_id)
    assert found["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert ended(guest)[0] == 1000
    check_gone(management, connection_id)


def test_who_left_is_gone(bare: Gateway, management: Any) -> None:
    with client(bare.url) as each:
        connection_id = id_of(each)
    bare.disconnected(connection_id)
    check_gone(management, connection_id)


def test_who_never_was_is_gone(management: Any) -> None:
    check_gone(management, NEVER_SEEN)


def check_gone(management: Any, connection_id: str) -> None:
    with pytest.raises(management.exceptions.GoneException):
        management.post_to_connection(ConnectionId=connection_id, Data=b"hello")
    with pytest.raises(management.exceptions.GoneException):
        management.get_connection(ConnectionId=connection_id)
    with pytest.raises(management.exceptions.GoneException):
        management.delete_connection(ConnectionId=connection_id)


@pytest.mark.parametrize("name", ["nope", NEVER_SEEN[:-1], NEVER_SEEN + "A", "AAA/AAA+AAAAAAA="])
def test_malformed_id_is_a_bad_request(management: Any, name: str) -> None:
    with pytest.raises(ClientError) as refused:
        management.post_to_connection(ConnectionId=name, Data=b"hello")
    told = refused.value.response
    assert told["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert told["Error"]["Code"] == "BadRequestException"
    assert told["Error"]["Message"] == f"Invalid connectionId: {name}"


def test_post_of_128_kb_passes(management: Any, guest: ClientConnection) -> None:
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


def test_other_stage_is_forbidden(bare: Gateway, guest: ClientConnection) -> None:
    endpoint = f"http://127.0.0.1:{bare.port}/other"
    with boto3_client("apigatewaymanagementapi", endpoint) as elsewhere:
        connection_id = id_of(guest)
        with pytest.raises(elsewhere.exceptions.ForbiddenException):
            elsewhere.post_to_connection(ConnectionId=connection_id, Data=b"hello")


def test_inside_connect_the_own_id_is_gone(bare: Gateway) -> None:
    mark = secrets.token_hex(4)
    with client(f"{bare.url}?post={mark}") as each:
        query = {"post": mark}
        line = bare.event(lambda event: event.get("queryStringParameters") == query)
        assert line["outcome"] == "WebsocketDisconnectedError"
        # Nor does the message come later.
        assert ask(each, "hello") == "hello"


@pytest.mark.parametrize(
    "path", ["/2015-03-31/functions/echo/invocations", "/api/@connections/AAAAAAAAAAAAAAA="]
)
def test_web_pages_elsewhere_cannot_call_it(bare: Gateway, path: str) -> None:
    """A browser sends such a POST for any page, without asking."""
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


def test_function_has_the_variables_of_the_config(functions: Any) -> None:
    found = functions.invoke(FunctionName="echo")
    assert json.load(found["Payload"])["greeting"] == "hello"


def test_function_of_another_stage(app: Path, tmp_path: Path) -> None:
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


def test_failure_of_an_event_is_not_told(functions: Any) -> None:
    found = functions.invoke(FunctionName="fail", InvocationType="Event")
    assert found["StatusCode"] == 202
    assert "FunctionError" not in found


def test_dry_run_does_not_run(bare: Gateway, functions: Any) -> None:
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
def test_failure_is_a_function_error(functions: Any, order: str, report: tuple[str, str]) -> None:
    found = functions.invoke(FunctionName="fail", Payload=order)
    body = json.load(found["Payload"])
    assert (found["StatusCode"], found["FunctionError"]) == (200, "Unhandled")
    assert (body["errorType"], body["errorMessage"]) == report


@pytest.mark.parametrize("kind", ["RequestResponse", "Event", "DryRun"])
@pytest.mark.parametrize("name", ["nobody", "bare-prod-echo"])
def test_unknown_function_is_not_found(functions: Any, name: str, kind: str) -> None:
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.invoke(FunctionName=name, InvocationType=kind)


def test_payload_that_is_not_json_is_refused(functions: Any) -> None:
    with pytest.raises(functions.exceptions.InvalidRequestContentException):
        functions.invoke(FunctionName="echo", Payload=b"{")


def test_account_of_this_machine_is_not_used(functions: Any) -> None:
    found = json.load(functions.invoke(FunctionName="aws")["Payload"])
    assert FOREIGN not in json.dumps(found)
    assert found["key"]
    assert len(found["endpoints"]) == 4
    for endpoint in found["endpoints"].values():
        assert endpoint.startswith("http://127.0.0.1:")


# The command line


def refusal(app: Path, project: Path, tmp: Path, *options: str) -> tuple[list[str], str]:
    """Start a gateway that has to give up; return the lines of its stderr, and its stdout."""
    done = subprocess.run(
        command(project, *options),
        cwd=app,
        env=environment(tmp),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode > 0, done
    return done.stderr.splitlines(), done.stdout


def refused_in_a_line(app: Path, project: Path, tmp: Path, *options: str) -> str:
    """As `refusal`; return the one line that says why."""
    lines, printed = refusal(app, project, tmp, *options)
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert "Traceback" not in printed
    return lines[0]


def test_busy_port_is_an_error(app: Path, tmp_path: Path) -> None:
    project = copytree(APPS / "bare", tmp_path / "bare")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refused_in_a_line(app, project, tmp_path, f"--port={port}")
    assert str(port) in line


def test_folder_without_an_app_is_an_error(app: Path, tmp_path: Path) -> None:
    project = tmp_path / "empty"
    project.mkdir()
    assert str(project) in refused_in_a_line(app, project, tmp_path)


def test_missing_app_py_is_an_error(app: Path, tmp_path: Path) -> None:
    project = copytree(APPS / "bare", tmp_path / "bare")
    (project / "app.py").unlink()
    lines, _ = refusal(app, project, tmp_path)
    assert lines[-1].startswith("error: ")
    assert "app.py" in lines[-1]


def test_app_that_does_not_import_is_an_error(app: Path, tmp_path: Path) -> None:
    project = copytree(APPS / "failing", tmp_path / "failing")
    lines, _ = refusal(app, project, tmp_path)
    assert lines[-1].startswith("error: ")
    assert "no luck today" in lines[-1]
    assert "app.py" in lines[-1]


@pytest.mark.parametrize(
    ("name", "option", "told"),
    [
        ("unflagged", "--stage=dev", "WEBSOCKETS"),
        ("broken", "--stage=dev", "config.json"),
        ("silent", "--stage=nowhere", "nowhere"),
    ],
)
def test_app_that_cannot_be_served_is_an_error(
    app: Path, tmp_path: Path, name: str, option: str, told: str
) -> None:
    project = copytree(APPS / name, tmp_path / name)
    assert told in refused_in_a_line(app, project, tmp_path, option)


# The end


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_order(app: Path, tmp_path: Path, number: signal.Signals) -> None:
    with running(app, "bare", tmp_path) as gateway:
        with client(gateway.url) as one, client(gateway.url) as other:
            guests = {id_of(each): each for each in (one, other)}
            gateway.signal(number)
            assert [ended(each) for each in guests.values()] == [(1001, "Going away")] * 2
        assert gateway.status() == 0
        poll(lambda: not gateway.has_processes() or None)
        for connection_id in guests:
            assert gateway.ending(connection_id) == (1001, "Going away")
    assert "Traceback" not in (tmp_path / "printed.txt").read_text()


def test_late_client_does_not_hold_up_the_end(app: Path, tmp_path: Path) -> None:
    gate = secrets.token_hex(4)
    with running(app, "bare", tmp_path) as gateway, ExitStack() as stack:
        with client(gateway.url) as busy:
            busy.send(f"wait {gate}")
            gateway.said(f"wait {gate}")
            gateway.signal(signal.SIGINT)
            assert ended(busy)[0] == 1001
        # As a page does that connects again at once. It may be refused.
        with suppress(OSError, InvalidHandshake):
            stack.enter_context(client(gateway.url))
        (gateway.project / gate).touch()
        assert gateway.status() == 0


def test_pending_handshake_does_not_hold_up_the_end(app: Path, tmp_path: Path) -> None:
    gate = secrets.token_hex(4)

    def attempt(url: str) -> None:
        with suppress(OSError, InvalidHandshake, ConnectionClosed), client(url) as each:
            each.recv(timeout=SECONDS)

    with ThreadPoolExecutor() as pool, running(app, "bare", tmp_path) as gateway:
        with client(gateway.url) as other:
            pool.submit(attempt, f"{gateway.url}?wait={gate}")
            gateway.connected(gate)
            gateway.signal(signal.SIGINT)
            assert ended(other)[0] == 1001
        (gateway.project / gate).touch()
        assert gateway.status() == 0


def test_client_that_reads_nothing_is_a_limit(slow: Slow) -> None:
    _, _, answers = slow
    told = {(answer.status, answer.headers["x-amzn-ErrorType"]) for answer in answers}
    assert told == {(200, None), (429, "LimitExceededException")}
    assert answers[0].status == 200
    assert answers[-1].status == 429


def test_client_that_reads_nothing_does_not_hold_up_the_end(slow: Slow) -> None:
    gateway, connection_id, _ = slow
    gateway.signal(signal.SIGINT)
    assert gateway.status() == 0
    assert gateway.ending(connection_id)[0] == 1001

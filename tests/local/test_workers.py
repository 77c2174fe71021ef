"""The local gateway runs functions as Lambda does, each apart from the others."""

import json
import os
import secrets
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from websockets.exceptions import InvalidStatus

from tests.local.gateway import SECONDS, Gateway, ask, client, id_of, poll, running
from tests.local.reloading import waiting

# What a handler does to itself, its process being left in no state to go on.
ENDS = ["os._exit(3)", "sys.exit(3)", "os.kill(os.getpid(), signal.SIGKILL)", "ctypes.string_at(0)"]


@pytest.fixture(scope="module")
def bare(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    own = {"websocket_connect": {"environment_variables": {"OWN": "connect's"}}}
    stages = {"dev": {"lambda_functions": own}}
    with running(app, "bare", tmp_path_factory.mktemp("bare"), stages=stages) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def brief(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Its functions have a second."""
    with running(app, "bare", tmp_path_factory.mktemp("brief"), lambda_timeout=1) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def hasty(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """It waits for its functions for a second."""
    tmp = tmp_path_factory.mktemp("hasty")
    with running(app, "bare", tmp, "--integration-timeout=1") as gateway:
        yield gateway


def check_problem(gateway: Gateway, text: str, told: str, problem: str) -> None:
    context = gateway.said(text)["requestContext"]
    ids = {name: context[name] for name in ("connectionId", "requestId")}
    assert json.loads(told) == {"message": problem, **ids}


# Isolation


def test_global_of_a_function_is_its_own(bare: Gateway) -> None:
    name = f"g{secrets.token_hex(4)}"
    # The same environment serves the next event, as that of a Lambda function which is warm.
    for code in (f"globals().setdefault('{name}', 'set')", f"globals().get('{name}')"):
        answer = bare.invoke("echo", {"eval": code})
        assert json.loads(answer.body)["outcome"] == "set"
    look = f"globals().get('{name}')"
    with client(f"{bare.url}?mark={name}&eval={look}") as guest:
        assert ask(guest, f"eval {look}") == "None"
    line = bare.event(lambda event: name in event.get("queryStringParameters", {}).values())
    assert line["outcome"] == "None"


def test_variable_of_a_function_is_its_own(bare: Gateway) -> None:
    mark = secrets.token_hex(4)
    with client(f"{bare.url}?mark={mark}&eval=os.environ.get('OWN')") as guest:
        connection_id = id_of(guest)
        assert ask(guest, "eval os.environ.get('OWN')") == "None"
        assert ask(guest, "eval os.environ['GREETING']") == "hello"
    bare.disconnected(connection_id)
    lines = {
        line["event"]["requestContext"]["routeKey"]: line
        for line in bare.events()
        if line["event"]["requestContext"]["connectionId"] == connection_id
    }
    assert lines["$connect"]["outcome"] == "connect's"
    assert lines["$disconnect"]["variable"] is None
    answer = bare.invoke("echo", {"eval": "os.environ.get('OWN')"})
    assert json.loads(answer.body)["outcome"] == "None"


@pytest.mark.parametrize("code", [*ENDS, "recurse()"])
def test_handler_that_breaks_harms_itself_alone(bare: Gateway, code: str) -> None:
    text = f"eval {code}  # {secrets.token_hex(4)}"
    with client(bare.url) as guest, client(bare.url) as other:
        with waiting(bare, other):
            check_problem(bare, text, ask(guest, text), "Internal server error")
            assert ask(guest, "still there") == "still there"
        assert ask(other, "there too") == "there too"


@pytest.mark.parametrize("code", ENDS)
def test_connect_handler_that_ends_its_process_gives_502(bare: Gateway, code: str) -> None:
    with pytest.raises(InvalidStatus) as refused, client(f"{bare.url}?eval={quote(code)}"):
        pass
    assert refused.value.response.status_code == 502
    with client(bare.url) as guest:
        assert ask(guest, "hello") == "hello"


def test_handler_past_its_timeout_is_ended(brief: Gateway) -> None:
    text = f"eval spin()  # {secrets.token_hex(4)}"
    with client(brief.url) as guest, client(brief.url) as other:
        guest.send(text)
        brief.said(text)
        assert ask(other, "meanwhile") == "meanwhile"
        told = str(guest.recv(timeout=SECONDS))
        check_problem(brief, text, told, "Internal server error")
        assert [ask(each, "still there") for each in (guest, other)] == ["still there"] * 2


def test_many_handlers_past_their_timeout_are_ended(brief: Gateway) -> None:
    """Each of them leaves the gateway a channel less, which must not be confused with others."""
    with client(brief.url) as guest:
        for _ in range(4):
            guest.send("eval spin()")
        told = [json.loads(guest.recv(timeout=SECONDS))["message"] for _ in range(4)]
        assert told == ["Internal server error"] * 4
        for _ in range(4):
            with client(brief.url) as other:
                assert ask(other, "hello") == "hello"
        assert ask(guest, "still there") == "still there"


def test_invoke_tells_why_a_function_has_ended(brief: Gateway) -> None:
    answer = brief.invoke("echo", {"eval": "spin()"})
    assert answer.headers["X-Amz-Function-Error"] == "Unhandled"
    assert json.loads(answer.body)["errorMessage"] == "Task timed out after 1.00 seconds"


def test_process_that_ends_between_events_is_replaced(bare: Gateway) -> None:
    def pid() -> str | None:
        outcome = json.loads(bare.invoke("echo", {"eval": "os.getpid()"}).body).get("outcome")
        return str(outcome) if outcome else None  # none, if the event came to what has ended

    victim = poll(pid)
    os.kill(int(victim), signal.SIGKILL)
    assert poll(pid) != victim


def test_processes_that_end_before_their_first_event_are_replaced(bare: Gateway) -> None:
    assert bare.invoke("echo", {}).status == 200
    poll(lambda: len(bare.workers()) == len(bare.workers(age=0)) or None)
    for victim in bare.workers():  # one of them waits for its first event
        os.kill(victim, signal.SIGKILL)
    poll(lambda: not bare.workers() or None)
    with client(bare.url) as guest:
        assert ask(guest, "hello") == "hello"


def test_large_event_and_value_pass(bare: Gateway) -> None:
    text = "é\n" * 500_000
    answer = bare.invoke("echo", {"text": text})
    assert json.loads(answer.body)["event"] == {"text": text}


# The time that API Gateway waits


def test_handler_past_the_integration_timeout_goes_on(hasty: Gateway) -> None:
    gate = secrets.token_hex(4)
    with client(hasty.url) as guest:
        told = ask(guest, f"wait {gate}")
        check_problem(hasty, f"wait {gate}", told, "Endpoint request timed out")
        (hasty.project / gate).touch()
        assert guest.recv(timeout=SECONDS) == f"wait {gate}"
        assert ask(guest, "still there") == "still there"


def test_connect_past_the_integration_timeout_is_refused(hasty: Gateway) -> None:
    gate = secrets.token_hex(4)
    try:
        with pytest.raises(InvalidStatus) as refused, client(f"{hasty.url}?wait={gate}"):
            pass
        connection_id = hasty.connected(gate)["requestContext"]["connectionId"]
        assert hasty.http("GET", hasty.connections(connection_id)).status == 410
    finally:
        (hasty.project / gate).touch()
    assert refused.value.response.status_code == 504


# How many processes


def test_without_workers_handlers_run_in_the_gateway(app: Path, tmp_path: Path) -> None:
    with running(app, "bare", tmp_path, "--workers=0") as gateway:
        with client(f"{gateway.url}?mark=here&eval=os.getpid()") as guest:
            assert ask(guest, "eval os.getpid()") == str(gateway.pid)
        line = gateway.event(lambda event: "queryStringParameters" in event)
        assert line["outcome"] == str(gateway.pid)
        answer = gateway.invoke("echo", {"eval": "os.getpid()"})
        assert json.loads(answer.body)["outcome"] == str(gateway.pid)


def test_with_one_worker_messages_queue(app: Path, tmp_path: Path) -> None:
    with (
        running(app, "bare", tmp_path, "--workers=1") as gateway,
        client(gateway.url) as guest,
        client(gateway.url) as other,
    ):
        with waiting(gateway, guest):
            other.send("second")
            assert other.ping().wait(SECONDS)  # so the gateway has read the message too
            # Another function does not wait for this one.
            assert gateway.invoke("echo", {}).status == 200
            assert "second" not in [line["event"].get("body") for line in gateway.events()]
        assert other.recv(timeout=SECONDS) == "second"

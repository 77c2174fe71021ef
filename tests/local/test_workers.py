"""The workers: each function runs in processes of its own, as on Lambda."""

import json
import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection

from tests.local.gateway import SECONDS, Gateway, ask, client, id_of, poll, running
from tests.local.reloading import waiting

pytestmark = pytest.mark.full

# Code that ends a handler's process.
ENDS = ["os._exit(3)", "sys.exit(3)", "os.kill(os.getpid(), signal.SIGKILL)", "ctypes.string_at(0)"]


@pytest.fixture(scope="module")
def bare(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    own = {"websocket_connect": {"environment_variables": {"OWN": "connect's"}}}
    stages = {"dev": {"lambda_functions": own}}
    with running(app, "bare", tmp_path_factory.mktemp("bare"), stages=stages) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def brief(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run an app whose functions time out after 2 s."""
    with running(app, "bare", tmp_path_factory.mktemp("brief"), lambda_timeout=2) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def hasty(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway that waits 3 s for a function."""
    tmp = tmp_path_factory.mktemp("hasty")
    with running(app, "bare", tmp, "--integration-timeout=3") as gateway:
        yield gateway


def check_error(gateway: Gateway, text: str, frame: str, message: str) -> None:
    """Check the error frame that answers a message."""
    context = gateway.wait_for_message(text)["requestContext"]
    ids = {name: context[name] for name in ("connectionId", "requestId")}
    assert json.loads(frame) == {"message": message, **ids}


# Isolation


def test_global_variable_is_kept_for_its_function_alone(bare: Gateway) -> None:
    name = f"g{secrets.token_hex(4)}"
    # A warm worker runs the next event, as on Lambda.
    for code in (f"globals().setdefault('{name}', 'set')", f"globals().get('{name}')"):
        answer = bare.invoke("echo", {"eval": code})
        assert json.loads(answer.body)["outcome"] == "set"
    look = f"globals().get('{name}')"
    with client(f"{bare.url}?mark={name}&eval={look}") as guest:
        assert ask(guest, f"eval {look}") == "None"
    line = bare.wait_for_event(
        lambda event: name in event.get("queryStringParameters", {}).values()
    )
    assert line["outcome"] == "None"


def test_environment_variable_is_set_for_its_function_alone(bare: Gateway) -> None:
    mark = secrets.token_hex(4)
    with client(f"{bare.url}?mark={mark}&eval=os.environ.get('OWN')") as guest:
        connection_id = id_of(guest)
        assert ask(guest, "eval os.environ.get('OWN')") == "None"
        assert ask(guest, "eval os.environ['GREETING']") == "hello"
    bare.wait_for_disconnect(connection_id)
    lines = {
        line["event"]["requestContext"]["routeKey"]: line
        for line in bare.events()
        if line["event"]["requestContext"]["connectionId"] == connection_id
    }
    assert lines["$connect"]["outcome"] == "connect's"
    assert lines["$disconnect"]["variable"] is None
    answer = bare.invoke("echo", {"eval": "os.environ.get('OWN')"})
    assert json.loads(answer.body)["outcome"] == "None"


def test_environment_variable_that_a_handler_sets_is_kept(bare: Gateway) -> None:
    # Invoke answers when the event has ended: the same worker runs the next one.
    for value in ("bye", "hello"):
        bare.invoke("echo", {"eval": f"os.environ.update(GREETING={value!r})"})
        answer = bare.invoke("echo", {"eval": "os.environ['GREETING']"})
        assert json.loads(answer.body)["outcome"] == value


@pytest.mark.parametrize("code", [*ENDS, "recurse()"])
def test_handler_that_crashes_does_not_affect_others(bare: Gateway, code: str) -> None:
    text = f"eval {code}  # {secrets.token_hex(4)}"
    with client(bare.url) as guest, client(bare.url) as other:
        with waiting(bare, other):
            check_error(bare, text, ask(guest, text), "Internal server error")
            assert ask(guest, "still there") == "still there"
        assert ask(other, "there too") == "there too"


@pytest.mark.parametrize("code", ENDS)
def test_connect_handler_that_ends_its_process_gives_502(bare: Gateway, code: str) -> None:
    with pytest.raises(InvalidStatus) as refused, client(f"{bare.url}?eval={quote(code)}"):
        pass
    assert refused.value.response.status_code == 502
    with client(bare.url) as guest:
        assert ask(guest, "hello") == "hello"


def wait_for_reply(guest: ClientConnection, text: str) -> None:
    """Send a text until it comes back. On a busy machine its handler may time out."""
    poll(lambda: ask(guest, text) == text or None)


@contextmanager
def connected(gateway: Gateway) -> Iterator[ClientConnection]:
    """Connect a client. On a busy machine its $connect may time out, and is tried again."""

    def attempt() -> ClientConnection | None:
        with suppress(InvalidStatus):
            return stack.enter_context(client(gateway.url))
        return None

    with ExitStack() as stack:
        yield poll(attempt)


def test_handler_past_its_timeout_is_ended(brief: Gateway) -> None:
    text = f"eval spin()  # {secrets.token_hex(4)}"
    with connected(brief) as guest, connected(brief) as other:
        guest.send(text)
        brief.wait_for_message(text)
        wait_for_reply(other, "meanwhile")
        frame = str(guest.recv(timeout=SECONDS))
        check_error(brief, text, frame, "Internal server error")
        for each in (guest, other):
            wait_for_reply(each, "still there")


def test_many_handlers_past_their_timeout_are_ended(brief: Gateway) -> None:
    with connected(brief) as guest:
        for _ in range(4):
            guest.send("eval spin()")
        messages = [json.loads(guest.recv(timeout=SECONDS))["message"] for _ in range(4)]
        assert messages == ["Internal server error"] * 4
        # The gateway must not confuse the channels of ended workers with those of new ones.
        for number in range(4):
            with connected(brief) as other:
                wait_for_reply(other, f"hello {number}")
        wait_for_reply(guest, "still there")


def test_invoke_of_a_function_past_its_timeout_reports_it(brief: Gateway) -> None:
    answer = brief.invoke("echo", {"eval": "spin()"})
    assert answer.headers["X-Amz-Function-Error"] == "Unhandled"
    assert json.loads(answer.body)["errorMessage"] == "Task timed out after 2.00 seconds"


def test_worker_that_ends_between_events_is_replaced(bare: Gateway) -> None:
    def pid() -> str | None:
        outcome = json.loads(bare.invoke("echo", {"eval": "os.getpid()"}).body).get("outcome")
        # An event that reaches the ended process has no outcome.
        return str(outcome) if outcome else None

    victim = poll(pid)
    os.kill(int(victim), signal.SIGKILL)
    assert poll(pid) != victim


def test_worker_that_ends_before_its_first_event_is_replaced(bare: Gateway) -> None:
    assert bare.invoke("echo", {}).status == 200
    poll(lambda: len(bare.workers()) == len(bare.workers(age=0)) or None)
    # One of them is the spare worker.
    for victim in bare.workers():
        os.kill(victim, signal.SIGKILL)
    poll(lambda: not bare.workers() or None)
    with client(bare.url) as guest:
        assert ask(guest, "hello") == "hello"


def test_handler_that_returns_in_a_fork_too_does_not_shift_answers(
    app: Path, tmp_path: Path
) -> None:
    with running(app, "bare", tmp_path, "--workers=1") as gateway:
        for number in range(10):
            # The child process returns a result of its own.
            outcome = json.loads(gateway.invoke("echo", {"eval": "os.fork()"}).body)["outcome"]
            answer = gateway.invoke("echo", {"number": number})
            assert json.loads(answer.body)["event"] == {"number": number}
            assert int(outcome) > 0


def test_large_event_and_result_are_passed(bare: Gateway) -> None:
    text = "é\n" * 500_000
    answer = bare.invoke("echo", {"text": text})
    assert json.loads(answer.body)["event"] == {"text": text}


# The integration timeout


def test_handler_past_the_integration_timeout_runs_on(hasty: Gateway) -> None:
    gate = secrets.token_hex(4)
    with client(hasty.url) as guest:
        frame = ask(guest, f"wait {gate}")
        check_error(hasty, f"wait {gate}", frame, "Endpoint request timed out")
        (hasty.project / gate).touch()
        assert guest.recv(timeout=SECONDS) == f"wait {gate}"
        wait_for_reply(guest, "still there")


def test_connect_past_the_integration_timeout_gives_504(hasty: Gateway) -> None:
    gate = secrets.token_hex(4)
    try:
        with pytest.raises(InvalidStatus) as refused, client(f"{hasty.url}?wait={gate}"):
            pass
        connection_id = hasty.wait_for_connect(gate)["requestContext"]["connectionId"]
        assert hasty.http("GET", hasty.connections(connection_id)).status == 410
    finally:
        (hasty.project / gate).touch()
    assert refused.value.response.status_code == 504


# The number of workers


def test_gateway_without_workers_runs_handlers_itself(app: Path, tmp_path: Path) -> None:
    with running(app, "bare", tmp_path, "--workers=0") as gateway:
        with client(f"{gateway.url}?mark=here&eval=os.getpid()") as guest:
            assert ask(guest, "eval os.getpid()") == str(gateway.pid)
        line = gateway.wait_for_event(lambda event: "queryStringParameters" in event)
        assert line["outcome"] == str(gateway.pid)
        answer = gateway.invoke("echo", {"eval": "os.getpid()"})
        assert json.loads(answer.body)["outcome"] == str(gateway.pid)


@pytest.mark.parametrize("error", ["SystemExit", "KeyboardInterrupt", "GeneratorExit"])
def test_handler_that_ends_the_interpreter_is_an_error_without_workers(
    app: Path, tmp_path: Path, error: str
) -> None:
    code = f"(_ for _ in ()).throw({error}('as ordered'))"
    with running(app, "bare", tmp_path, "--workers=0") as gateway, client(gateway.url) as guest:
        text = f"eval {code}"
        check_error(gateway, text, ask(guest, text), "Internal server error")
        answer = gateway.invoke("echo", {"eval": code})
        assert answer.headers["X-Amz-Function-Error"] == "Unhandled"
        assert json.loads(answer.body)["errorType"] == "Runtime.ExitError"
        with pytest.raises(InvalidStatus) as refused, client(f"{gateway.url}?eval={quote(code)}"):
            pass
        assert refused.value.response.status_code == 502
        assert ask(guest, "still there") == "still there"


def test_messages_to_one_worker_wait(app: Path, tmp_path: Path) -> None:
    with (
        running(app, "bare", tmp_path, "--workers=1") as gateway,
        client(gateway.url) as guest,
        client(gateway.url) as other,
    ):
        with waiting(gateway, guest):
            other.send("second")
            # After the pong the gateway has read the message too.
            assert other.ping().wait(SECONDS)
            # Another function has a worker of its own.
            assert gateway.invoke("echo", {}).status == 200
            assert "second" not in [line["event"].get("body") for line in gateway.events()]
        assert other.recv(timeout=SECONDS) == "second"

"""The end of the gateway: no process is left, and nothing delays it."""

import os
import secrets
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection

from tests.local.gateway import (
    SECONDS,
    Answer,
    Gateway,
    client,
    ended,
    id_of,
    poll,
    running,
    serving,
)
from tests.local.raw_client import KB, raw_client
from tests.local.reloading import NOT_RELOADED, edit, prepared, reloaded

pytestmark = pytest.mark.full

# A gateway, the id of a connection, and the responses to posts to it.
Slow = tuple[Gateway, str, list[Answer]]


@pytest.fixture(scope="module")
def slow(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Slow]:
    """Post more to a client that reads nothing than the buffers on the way hold."""
    tmp = tmp_path_factory.mktemp("slow")
    with running(app, "bare", tmp) as gateway, raw_client(gateway, "mark=slow"):
        connection_id = gateway.wait_for_connect("slow")["requestContext"]["connectionId"]
        path = gateway.connections(connection_id)
        # 16 MB.
        answers = [gateway.http("POST", path, b"x" * (128 * KB)) for _ in range(128)]
        yield gateway, connection_id, answers


@contextmanager
def warm(app: Path, tmp: Path) -> Iterator[tuple[Gateway, ClientConnection]]:
    """Run an app to edit, and each of its handlers once, so that each has a worker."""
    with serving(app, prepared(tmp / "bare"), tmp) as gateway, client(gateway.url) as guest:
        with client(gateway.url) as other:
            ids = [id_of(each) for each in (guest, other)]
        gateway.wait_for_disconnect(ids[1])
        yield gateway, guest


@pytest.fixture
def spinning(app: Path, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway with handlers in an endless loop, which loads an app in an endless loop."""
    with warm(app, tmp_path) as (gateway, guest):
        for text in ("eval spin()  # one", "eval spin()  # other"):
            guest.send(text)
            gateway.wait_for_message(text)
        edit(gateway, "app.py", "VERSION = 'old'", "Path('loading').touch(); spin()")
        poll(lambda: (gateway.project / "loading").exists() or None)
        yield gateway


@pytest.fixture
def broken(app: Path, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway with a handler in an endless loop, and an app that does not load."""
    with warm(app, tmp_path) as (gateway, guest):
        with reloaded(gateway, NOT_RELOADED):
            edit(gateway, "app.py", "VERSION = 'old'", "def (")
        guest.send("eval spin()")
        gateway.wait_for_message("eval spin()")
        yield gateway


@pytest.mark.parametrize(
    ("number", "state"),
    [
        (signal.SIGINT, "spinning"),
        (signal.SIGTERM, "broken"),
        (signal.SIGKILL, "spinning"),
        (signal.SIGKILL, "broken"),
    ],
)
def test_signal_leaves_no_process(
    request: pytest.FixtureRequest, number: signal.Signals, state: str
) -> None:
    gateway: Gateway = request.getfixturevalue(state)
    gateway.signal(number)
    assert gateway.wait_for_exit() == (-number if number == signal.SIGKILL else 0)
    gateway.wait_until_all_end()


def test_endless_handler_in_the_gateway_does_not_delay_its_end(app: Path, tmp_path: Path) -> None:
    with running(app, "bare", tmp_path, "--workers=0") as gateway, client(gateway.url) as guest:
        guest.send("eval spin()")
        gateway.wait_for_message("eval spin()")
        gateway.signal(signal.SIGINT)
        assert gateway.wait_for_exit() == 0
        gateway.wait_until_all_end()


def test_killed_gateway_leaves_no_database_process(app: Path, tmp_path: Path) -> None:
    with serving(app, app, tmp_path) as gateway:
        assert "-connections" in gateway.printed()
        gateway.signal(signal.SIGKILL)
        gateway.wait_until_all_end()


@pytest.fixture
def temporary_files() -> Iterator[Path]:
    """A folder whose path is short enough for the address of a socket."""
    with TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signal_closes_connections_and_runs_disconnect(
    app: Path, tmp_path: Path, temporary_files: Path, number: signal.Signals
) -> None:
    """A terminal and a process manager signal the whole process group. Warnings are errors here."""
    project = prepared(tmp_path / "bare")
    variables = {"PYTHONWARNINGS": "error", "TMPDIR": str(temporary_files)}
    with serving(app, project, tmp_path, variables=variables) as gateway:
        assert list(temporary_files.iterdir())
        with client(gateway.url) as one, client(gateway.url) as other:
            guests = {id_of(each): each for each in (one, other)}
            os.killpg(gateway.pid, number)
            assert [ended(each) for each in guests.values()] == [(1001, "Going away")] * 2
        assert gateway.wait_for_exit() == 0
        poll(lambda: not gateway.has_processes() or None)
        for connection_id in guests:
            assert gateway.wait_for_ending(connection_id) == (1001, "Going away")
    printed = (tmp_path / "printed.txt").read_text()
    assert [word for word in ("Traceback", "Exception ignored", "Runtime") if word in printed] == []
    assert list(temporary_files.iterdir()) == []


def test_late_client_does_not_delay_the_end(app: Path, tmp_path: Path) -> None:
    gate = secrets.token_hex(4)
    with running(app, "bare", tmp_path) as gateway, ExitStack() as stack:
        with client(gateway.url) as busy:
            busy.send(f"wait {gate}")
            gateway.wait_for_message(f"wait {gate}")
            gateway.signal(signal.SIGINT)
            assert ended(busy)[0] == 1001
        # A page connects again at once. It may be refused.
        with suppress(OSError, InvalidHandshake):
            stack.enter_context(client(gateway.url))
        (gateway.project / gate).touch()
        assert gateway.wait_for_exit() == 0


def test_pending_handshake_does_not_delay_the_end(app: Path, tmp_path: Path) -> None:
    gate = secrets.token_hex(4)

    def attempt(url: str) -> None:
        with suppress(OSError, InvalidHandshake, ConnectionClosed), client(url) as each:
            each.recv(timeout=SECONDS)

    with ThreadPoolExecutor() as pool, running(app, "bare", tmp_path) as gateway:
        with client(gateway.url) as other:
            pool.submit(attempt, f"{gateway.url}?wait={gate}")
            gateway.wait_for_connect(gate)
            gateway.signal(signal.SIGINT)
            assert ended(other)[0] == 1001
        (gateway.project / gate).touch()
        assert gateway.wait_for_exit() == 0


def test_posts_to_a_client_that_reads_nothing_get_429(slow: Slow) -> None:
    _, _, answers = slow
    told = {(answer.status, answer.headers["x-amzn-ErrorType"]) for answer in answers}
    assert told == {(200, None), (429, "LimitExceededException")}
    assert answers[0].status == 200
    assert answers[-1].status == 429


def test_client_that_reads_nothing_does_not_delay_the_end(slow: Slow) -> None:
    gateway, connection_id, _ = slow
    gateway.signal(signal.SIGINT)
    assert gateway.wait_for_exit() == 0
    assert gateway.wait_for_ending(connection_id)[0] == 1001

"""However the local gateway ends, no process of it is left."""

import secrets
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection

from tests.local.gateway import (
    KB,
    SECONDS,
    Answer,
    Gateway,
    client,
    ended,
    id_of,
    poll,
    raw_client,
    running,
    serving,
)
from tests.local.reloading import NOT_RELOADED, edit, prepared, reloaded

# A gateway, one of its connections, and what came back from posts to it.
Slow = tuple[Gateway, str, list[Answer]]


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


@contextmanager
def warm(app: Path, tmp: Path) -> Iterator[tuple[Gateway, ClientConnection]]:
    """An app to edit, each handler run, so that none has to wait for code that does not load."""
    with serving(app, prepared(tmp / "bare"), tmp) as gateway, client(gateway.url) as guest:
        with client(gateway.url) as other:
            ids = [id_of(each) for each in (guest, other)]
        gateway.disconnected(ids[1])
        yield gateway, guest


@pytest.fixture
def spinning(app: Path, tmp_path: Path) -> Iterator[Gateway]:
    """Nothing in it ends by itself: its handlers spin, and the code that it loads does."""
    with warm(app, tmp_path) as (gateway, guest):
        for text in ("eval spin()  # one", "eval spin()  # other"):
            guest.send(text)
            gateway.said(text)
        edit(gateway, "app.py", "VERSION = 'old'", "Path('loading').touch(); spin()")
        poll(lambda: (gateway.project / "loading").exists() or None)
        yield gateway


@pytest.fixture
def broken(app: Path, tmp_path: Path) -> Iterator[Gateway]:
    """A spinning handler, and the code on the disk does not load."""
    with warm(app, tmp_path) as (gateway, guest):
        with reloaded(gateway, NOT_RELOADED):
            edit(gateway, "app.py", "VERSION = 'old'", "def (")
        guest.send("eval spin()")
        gateway.said("eval spin()")
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
def test_nothing_is_left(
    request: pytest.FixtureRequest, number: signal.Signals, state: str
) -> None:
    gateway: Gateway = request.getfixturevalue(state)
    gateway.signal(number)
    assert gateway.status() == (-number if number == signal.SIGKILL else 0)
    gateway.leaves_nothing()


def test_spinning_handler_in_the_gateway_does_not_hold_up_its_end(
    app: Path, tmp_path: Path
) -> None:
    with running(app, "bare", tmp_path, "--workers=0") as gateway, client(gateway.url) as guest:
        guest.send("eval spin()")
        gateway.said("eval spin()")
        gateway.signal(signal.SIGINT)
        assert gateway.status() == 0
        gateway.leaves_nothing()


def test_nothing_is_left_of_the_tables(app: Path, tmp_path: Path) -> None:
    """DynamoDB is a process too."""
    with serving(app, app, tmp_path) as gateway:
        assert "-connections" in gateway.printed()
        gateway.signal(signal.SIGKILL)
        gateway.leaves_nothing()


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

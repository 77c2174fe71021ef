"""Other Chalice apps, and other WebSocket and AWS clients."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection

from tests.local.gateway import SECONDS, Gateway, ask, client, ended, id_of, running
from tests.local.machine import environment
from tests.local.raw_client import raw_client

NEVER_SEEN = "AAAAAAAAAAAAAAA="


@pytest.fixture(scope="module")
def parrot(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(app, "parrot", tmp_path_factory.mktemp("parrot")) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def rooms(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running(app, "rooms", tmp_path_factory.mktemp("rooms")) as gateway:
        yield gateway


def hear(socket: ClientConnection) -> str:
    return str(socket.recv(timeout=SECONDS))


# A small app


def test_small_app_replies(parrot: Gateway) -> None:
    assert parrot.stage == "ws"
    with client(parrot.url) as one, client(parrot.url) as other:
        # A variable of this function alone asks for capital letters.
        assert ask(one, "hello") == "HELLO"
        assert ask(other, "é ☃") == "É ☃"


def test_small_app_reads_the_user_agent(parrot: Gateway) -> None:
    with client(parrot.url, user_agent_header="Pirate/1") as guest:
        assert ask(guest, "who am I") == "Pirate/1"


def test_small_app_closes_a_connection(parrot: Gateway) -> None:
    with client(parrot.url) as guest, client(parrot.url) as other:
        assert ask(guest, "bye") == "bye"
        assert ended(guest)[0] == 1000
        assert ask(other, "hello") == "HELLO"


def test_middleware_replaces_a_handler(parrot: Gateway) -> None:
    with client(parrot.url) as guest:
        guest.send("")
        assert ask(guest, "hello") == "HELLO"


def test_function_of_a_blueprint_is_invoked(parrot: Gateway) -> None:
    answer = parrot.invoke("job_count", {"text": "abba"})
    assert (answer.status, json.loads(answer.body)) == (200, {"a": 2, "b": 2})
    assert parrot.invoke("parrot-dev-job_count", {"text": ""}).status == 200


# A chat with a table


def test_table_of_the_app_is_created(rooms: Gateway) -> None:
    assert "tables: rooms-dev-people" in rooms.printed()
    assert rooms.stage == "api"


def test_message_stays_in_its_room(rooms: Gateway) -> None:
    with client(rooms.url) as ann, client(rooms.url) as bob, client(rooms.url) as cid:
        assert ask(ann, "anybody?") == "enter a room first"
        for guest, name, room in ((ann, "Ann", "red"), (bob, "Bob", "red"), (cid, "Cid", "blue")):
            assert ask(guest, f"/name {name}") == f"you are {name}"
            assert ask(guest, f"/enter {room}") == f"{name} enters"
        assert hear(ann) == "Bob enters"
        assert ask(bob, "/who") == "Ann, Bob"
        assert ask(cid, "/who") == "Cid"
        assert ask(ann, "é ☃") == hear(bob) == "Ann: é ☃"
        bob.close()
        assert hear(ann) == "Bob leaves"
        assert ask(ann, "/who") == "Ann"
        # The other room has received none of these messages.
        assert ask(cid, "alone") == "Cid: alone"


def test_lost_connection_leaves_its_room(rooms: Gateway) -> None:
    with client(rooms.url) as ann:
        ask(ann, "/name Ann")
        ask(ann, "/enter green")
        with raw_client(rooms, "") as raw:
            text = b"/enter green"
            raw.sendall(bytes([0x81, 0x80 | len(text), 0, 0, 0, 0]) + text)
            assert raw.recv(1) == b"\x81"
            assert hear(ann).endswith("= enters")
        assert hear(ann).endswith("= leaves")


# Clients from npm


def wscat(node: Path, tmp: Path, *options: str) -> str:
    """Run wscat until it ends; return its output."""
    process = subprocess.Popen(
        [str(node / ".bin" / "wscat"), "--no-color", *options],
        env=environment(tmp),
        # wscat ends with its input, so this is left open.
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    with process:
        try:
            process.wait(SECONDS)
        finally:
            process.kill()
        assert process.stdout
        return process.stdout.read()


def test_wscat_gets_a_reply(node: Path, parrot: Gateway, tmp_path: Path) -> None:
    # wscat waits for the reply, and ends when the app closes its connection.
    assert wscat(node, tmp_path, "-c", parrot.url, "-w", "-1", "-x", "bye") == "bye\n"


def test_wscat_is_refused(node: Path, bare: Gateway, tmp_path: Path) -> None:
    printed = wscat(node, tmp_path, "-c", f"{bare.url}?status=403", "-x", "hello")
    assert "Unexpected server response: 403" in printed


def test_wscat_gets_its_subprotocol(node: Path, bare: Gateway, tmp_path: Path) -> None:
    url = f"{bare.url}?protocol=chat"
    assert "error" not in wscat(node, tmp_path, "-c", url, "-s", "chat", "-x", "close").lower()
    # wscat fails without the subprotocol that it offers.
    assert "error" in wscat(node, tmp_path, "-c", bare.url, "-s", "chat", "-x", "close").lower()


# The client refuses an endpoint of its caller's with these.
OWN_ENDPOINT = {"AWS_USE_FIPS_ENDPOINT": "false", "AWS_USE_DUALSTACK_ENDPOINT": "false"}


def order(node: Path, tmp: Path, endpoint: str, *commands: tuple[str, Any]) -> list[Any]:
    """Send commands with AWS's JavaScript client; return the result of each."""
    done = subprocess.run(
        ["node", str(Path(__file__).parent / "management.cjs"), endpoint],
        env={**environment(tmp), "NODE_PATH": str(node), **OWN_ENDPOINT},
        input="".join(json.dumps(command) + "\n" for command in commands),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_javascript_client_manages_connections(node: Path, bare: Gateway, tmp_path: Path) -> None:
    endpoint = f"http://127.0.0.1:{bare.port}/{bare.stage}"
    with client(bare.url, user_agent_header="Test/1") as guest:
        to = {"ConnectionId": id_of(guest)}
        sent, told, closed, *gone = order(
            node,
            tmp_path,
            endpoint,
            ("PostToConnectionCommand", {**to, "Data": "é ☃"}),
            ("GetConnectionCommand", to),
            ("DeleteConnectionCommand", to),
            ("PostToConnectionCommand", {**to, "Data": "late"}),
            ("GetConnectionCommand", {"ConnectionId": NEVER_SEEN}),
        )
        assert hear(guest) == "é ☃"
        assert ended(guest)[0] == 1000
    assert (sent["status"], told["status"], closed["status"]) == (200, 200, 204)
    assert told["Identity"] == {"SourceIp": "127.0.0.1", "UserAgent": "Test/1"}
    assert told["ConnectedAt"] <= told["LastActiveAt"]
    assert gone == [{"status": 410, "error": "GoneException"}] * 2


def test_javascript_client_gets_typed_errors(node: Path, bare: Gateway, tmp_path: Path) -> None:
    endpoint = f"http://127.0.0.1:{bare.port}"
    with client(bare.url) as guest:
        to = {"ConnectionId": id_of(guest)}
        large, malformed = order(
            node,
            tmp_path,
            f"{endpoint}/{bare.stage}",
            ("PostToConnectionCommand", {**to, "Data": "x" * (128 * 1024 + 1)}),
            ("PostToConnectionCommand", {"ConnectionId": "nope", "Data": "x"}),
        )
        (forbidden,) = order(node, tmp_path, f"{endpoint}/other", ("GetConnectionCommand", to))
    assert large == {"status": 413, "error": "PayloadTooLargeException"}
    assert malformed == {"status": 400, "error": "BadRequestException"}
    assert forbidden == {"status": 403, "error": "ForbiddenException"}

"""The local gateway as its users meet it: a process, its addresses, and what it prints."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

import boto3
import pytest
from botocore.config import Config
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

ID = re.compile(r"[A-Za-z0-9_-]{15}=")
APPS = Path(__file__).parent / "apps"
SECONDS = 15
KB = 1024

# Seconds after which a worker has loaded the app, on a busy machine too.
LOADED = 5

# In each value that leads to an account of whoever runs the tests.
FOREIGN = "foreign"

T = TypeVar("T")


def frames(order: str, letter: str = "x") -> list[str]:
    """A text of exactly 128 KB in frames of 32 KB, the most that AWS takes in one."""
    size = len(letter.encode())
    first = f"{order:<32}" + letter * ((32 * KB - 32) // size)
    return [first, *[letter * (32 * KB // size)] * 3]


class Answer(NamedTuple):
    """What came back over plain HTTP."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Gateway:
    """A running gateway.

    Args:
        process: what runs.
        project: the folder of the app that it runs.
        printed: the file that it prints to.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", project: Path, printed: Path) -> None:
        self.project = project
        self._process = process
        self._printed = printed
        self.port, self.stage = poll(self._address)

    @property
    def pid(self) -> int:
        """The gateway's own process, as those that it starts know it."""
        return self._process.pid

    @property
    def url(self) -> str:
        """Where WebSocket clients connect."""
        return f"ws://127.0.0.1:{self.port}/{self.stage}"

    @property
    def page(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.port}/"

    def http(self, method: str, path: str, body: bytes = b"") -> Answer:
        """Send a plain HTTP request, its path as it is."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, SECONDS)) as connection:
            connection.request(method, path, body)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def connections(self, connection_id: str) -> str:
        """The path of a connection in the management API."""
        return f"/{self.stage}/@connections/{quote(connection_id, safe='')}"

    def invoke(self, function: str, event: object) -> Answer:
        """Run a function through Lambda's Invoke."""
        path = f"/2015-03-31/functions/{function}/invocations"
        return self.http("POST", path, json.dumps(event).encode())

    def printed(self) -> str:
        """What it has printed so far."""
        return self._printed.read_text()

    def prints(self, text: str, times: int = 1) -> None:
        """Wait until it has printed a text, so many times in all."""
        poll(lambda: self.printed().count(text) >= times or None)

    def events(self) -> list[dict[str, Any]]:
        """The lines that the bare app has written so far."""
        file = self.project / "events.jsonl"
        text = file.read_text() if file.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def event(self, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for an event, and return its line."""
        return poll(lambda: next((line for line in self.events() if is_it(line["event"])), None))

    def connected(self, mark: str) -> dict[str, Any]:
        """Wait for the event of the handshake that has a mark in its query string."""
        line = self.event(lambda event: mark in event.get("queryStringParameters", {}).values())
        return dict(line["event"])

    def said(self, text: str) -> dict[str, Any]:
        """Wait for the event of a message."""
        return dict(self.event(lambda event: event.get("body") == text)["event"])

    def disconnected(self, connection_id: str) -> dict[str, Any]:
        """Wait for the event of a connection's end."""

        def is_it(event: dict[str, Any]) -> bool:
            context = event["requestContext"]
            return (context["eventType"], context["connectionId"]) == ("DISCONNECT", connection_id)

        return dict(self.event(is_it)["event"])

    def ending(self, connection_id: str) -> tuple[int, str]:
        """Wait for a connection's end; return the code and reason that $disconnect was told."""
        context = self.disconnected(connection_id)["requestContext"]
        return context["disconnectStatusCode"], context["disconnectReason"]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self._process.send_signal(number)

    def status(self) -> int:
        """Wait for the process to end; return its exit status."""
        return self._process.wait(SECONDS)

    def processes(self) -> list[int]:
        """The process and those that it started, as far as they run."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(FileNotFoundError, ProcessLookupError):
                # What comes before may have spaces in it.
                state, _, group = path.read_text().rpartition(")")[2].split()[:3]
                # Z has ended, and whoever should take note of it has not yet.
                if int(group) == self.pid and state != "Z":
                    found.append(int(path.parent.name))
        return found

    def workers(self, age: float = LOADED) -> list[int]:
        """The processes that run handlers, if they have run for so many seconds.

        The gateway starts no other in the place of one that ends while it loads, until a file is
        saved: it takes the app for one that does not load.
        """
        found = []
        uptime = float(Path("/proc/uptime").read_text().split()[0])
        for pid in self.processes():
            with suppress(FileNotFoundError, ProcessLookupError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                parent, started = int(fields[1]), int(fields[19]) / os.sysconf("SC_CLK_TCK")
                # The gateway's own children are not workers; the process server forks those.
                if parent not in (self.pid, os.getpid()) and uptime - started >= age:
                    found.append(pid)
        return found

    def has_processes(self) -> bool:
        """Whether the process, or one that it started, still runs."""
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        # Where there is no /proc, wait for those too that have ended and are still in the list.
        return not Path("/proc/self/stat").exists() or bool(self.processes())

    def leaves_nothing(self) -> None:
        """Wait until neither the process nor any that it started is there."""
        self.status()
        poll(lambda: not self.has_processes() or None)

    def _address(self) -> tuple[int, str] | None:
        printed = self.printed()
        assert self._process.poll() is None, printed
        found = re.search(r"ws://127\.0\.0\.1:(\d+)/(\w+)\n", printed)
        return (int(found[1]), found[2]) if found else None


@contextmanager
def running(
    app: Path, name: str, tmp: Path, *options: str, **settings: object
) -> Iterator[Gateway]:
    """Run one of the apps beside this file, copied, with the gateway of a generated app.

    Args:
        app: the generated app.
        name: of the app to run.
        tmp: an empty folder.
        options: for the command line.
        settings: to add to its config.json.
    """
    project = shutil.copytree(APPS / name, tmp / name)
    configure(project, **settings)
    with serving(app, project, tmp, *options) as gateway:
        yield gateway


def configure(project: Path, **settings: object) -> None:
    """Change settings of an app's config.json."""
    path = project / ".chalice" / "config.json"
    replace(path, json.dumps({**json.loads(path.read_text()), **settings}))


def replace(path: Path, text: str) -> None:
    """Save a file as editors do, so that nobody ever reads half of it."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    new.replace(path)


@contextmanager
def serving(app: Path, project: Path, tmp: Path, *options: str) -> Iterator[Gateway]:
    """Run an app where it is, with the gateway of a generated app."""
    printed = tmp / "printed.txt"
    with printed.open("wb") as output:
        process = subprocess.Popen(
            command(project, *options),
            cwd=app,
            env=environment(tmp),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # so that what it starts can be told from what we started
        )
    try:
        yield Gateway(process, project, printed)
    finally:
        # All that it started too, should a test have failed that sees to it that they end.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def dynamodb(app: Path) -> Iterator[str]:
    """A DynamoDB that outlives gateways, for their --database; gives its URL."""
    serve = "from chalice_ws.local.services import serve; print(serve(), flush=True); input()"
    process = subprocess.Popen(
        [sys.executable, "-c", serve],
        cwd=app,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        try:
            assert process.stdout
            yield process.stdout.readline().strip()
        finally:
            process.kill()


def command(project: Path, *options: str) -> list[str]:
    """The command line of a gateway on a free port."""
    return [
        sys.executable,
        "-m",
        "chalice_ws.local",
        "--port=0",
        f"--project-dir={project}",
        *options,
    ]


def environment(tmp: Path) -> dict[str, str]:
    """Variables of a machine that has all of AWS set up, none of which may be used."""
    home = tmp / "home"
    (home / ".aws").mkdir(parents=True, exist_ok=True)
    keys = f"aws_access_key_id = {FOREIGN}\naws_secret_access_key = {FOREIGN}\n"
    (home / ".aws/credentials").write_text(f"[default]\n{keys}[{FOREIGN}]\n{keys}")
    (home / ".aws/config").write_text(f"[default]\nendpoint_url = http://{FOREIGN}.invalid\n")
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **own,
        "HOME": str(home),
        "PYTHONDONTWRITEBYTECODE": "1",
        "AWS_ACCESS_KEY_ID": FOREIGN,
        "AWS_SECRET_ACCESS_KEY": FOREIGN,
        "AWS_SESSION_TOKEN": FOREIGN,
        "AWS_PROFILE": FOREIGN,
        "AWS_ENDPOINT_URL": f"http://{FOREIGN}.invalid",
        "AWS_ENDPOINT_URL_DYNAMODB": f"http://{FOREIGN}.invalid",
        "AWS_ENDPOINT_URL_STS": f"http://{FOREIGN}.invalid",
    }


def poll(look: Callable[[], T | None], seconds: float = SECONDS) -> T:
    """Look again and again until there is something; raises AssertionError if there never is."""
    end = time.monotonic() + seconds
    while (found := look()) is None:
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)
    return found


@contextmanager
def client(url: str, **options: Any) -> Iterator[ClientConnection]:
    """A WebSocket client."""
    with connect(url, proxy=None, open_timeout=SECONDS, **options) as socket:
        yield socket


def ask(socket: ClientConnection, text: str) -> str:
    """Send a text, and return the next that comes."""
    socket.send(text)
    return str(socket.recv(timeout=SECONDS))


def id_of(socket: ClientConnection) -> str:
    """The connection's id, as the bare app is told it."""
    return str(json.loads(ask(socket, "event"))["requestContext"]["connectionId"])


def ended(socket: ClientConnection) -> tuple[int, str]:
    """Wait for the gateway's close frame; return its code and reason."""
    with pytest.raises(ConnectionClosed) as closed:
        socket.recv(timeout=SECONDS)
    assert closed.value.rcvd, "no close frame"
    return closed.value.rcvd.code, closed.value.rcvd.reason


@contextmanager
def raw_client(gateway: Gateway, query: str) -> Iterator[socket.socket]:
    """A connection without a library, which would hide how it ends."""
    with socket.create_connection(("127.0.0.1", gateway.port), SECONDS) as raw:
        raw.sendall(
            f"GET /{gateway.stage}?{query} HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\n"
            "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n".encode()
        )
        response = b""
        while not response.endswith(b"\r\n\r\n"):
            response += raw.recv(1)
        assert response.startswith(b"HTTP/1.1 101 "), response
        yield raw


@contextmanager
def boto3_client(service: str, endpoint: str) -> Iterator[Any]:
    """A real client of a service, with nothing of this machine's configuration."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            patch.setenv(name, os.devnull)
        session = boto3.session.Session("any", "any", region_name="us-east-1")
        once = Config(retries={"total_max_attempts": 1}, read_timeout=SECONDS, proxies={})
        made = session.client(service, endpoint_url=endpoint, config=once)
    with closing(made):
        yield made

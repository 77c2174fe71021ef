"""A local gateway in a process of its own, and clients for it."""

import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.local.machine import environment

ID = re.compile(r"[A-Za-z0-9_-]{15}=")
APPS = Path(__file__).parent / "apps"

# A limit for what must happen, however busy the machine is. It only ends a test that hangs.
SECONDS = 120

# A worker of this age has loaded the app.
LOADED_SECONDS = 5

T = TypeVar("T")


class Answer(NamedTuple):
    """An HTTP response."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class Gateway:
    """A running gateway.

    Args:
        process: the gateway's process.
        project: the folder of its app.
        printed: the file with its output.
    """

    def __init__(self, process: "subprocess.Popen[bytes]", project: Path, printed: Path) -> None:
        self.project = project
        self._process = process
        self._printed = printed
        self.port, self.stage = poll(self._address)

    @property
    def pid(self) -> int:
        """The id of the gateway's process, and of its session."""
        return self._process.pid

    @property
    def url(self) -> str:
        """The address for WebSocket clients."""
        return f"ws://127.0.0.1:{self.port}/{self.stage}"

    @property
    def page(self) -> str:
        """The address of the web page."""
        return f"http://127.0.0.1:{self.port}/"

    def http(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Send an HTTP request, without a change to its path."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, SECONDS)) as connection:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())

    def connections(self, connection_id: str) -> str:
        """Return the path of a connection in the management API."""
        return f"/{self.stage}/@connections/{quote(connection_id, safe='')}"

    def invoke(self, function: str, event: object) -> Answer:
        """Run a function through Lambda's Invoke."""
        path = f"/2015-03-31/functions/{function}/invocations"
        return self.http("POST", path, json.dumps(event).encode())

    def printed(self) -> str:
        """Return the output so far."""
        return self._printed.read_text()

    def prints(self, text: str, times: int = 1) -> None:
        """Wait until a text is in the output, as many times."""
        poll(lambda: self.printed().count(text) >= times or None)

    def events(self) -> list[dict[str, Any]]:
        """Return the lines that the bare app has written so far."""
        file = self.project / "events.jsonl"
        text = file.read_text() if file.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    def wait_for_event(self, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Wait for an event, and return its line."""
        return poll(lambda: next((line for line in self.events() if is_it(line["event"])), None))

    def wait_for_connect(self, mark: str) -> dict[str, Any]:
        """Wait for the event of the handshake with a mark in its query string."""
        line = self.wait_for_event(
            lambda event: mark in event.get("queryStringParameters", {}).values()
        )
        return dict(line["event"])

    def wait_for_message(self, text: str) -> dict[str, Any]:
        """Wait for the event of a message."""
        return dict(self.wait_for_event(lambda event: event.get("body") == text)["event"])

    def wait_for_disconnect(self, connection_id: str) -> dict[str, Any]:
        """Wait for the event of a connection's end."""

        def is_it(event: dict[str, Any]) -> bool:
            context = event["requestContext"]
            return (context["eventType"], context["connectionId"]) == ("DISCONNECT", connection_id)

        return dict(self.wait_for_event(is_it)["event"])

    def wait_for_ending(self, connection_id: str) -> tuple[int, str]:
        """Wait for a connection's end; return its close code and reason in $disconnect."""
        context = self.wait_for_disconnect(connection_id)["requestContext"]
        return context["disconnectStatusCode"], context["disconnectReason"]

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process."""
        self._process.send_signal(number)

    def wait_for_exit(self) -> int:
        """Wait for the process to end; return its exit status."""
        return self._process.wait(SECONDS)

    def processes(self) -> list[int]:
        """Return the ids of the gateway's processes that run."""
        found = []
        for path in Path("/proc").glob("[0-9]*/stat"):
            with suppress(FileNotFoundError, ProcessLookupError):
                # The name before ")" may have spaces in it.
                state, _, _, session = path.read_text().rpartition(")")[2].split()[:4]
                # Z is a process that has ended, and whose parent has not noticed yet.
                if int(session) == self.pid and state != "Z":
                    found.append(int(path.parent.name))
        return found

    def workers(self, age: float = LOADED_SECONDS) -> list[int]:
        """Return the ids of the worker processes that are at least `age` seconds old.

        The gateway takes an app for broken whose worker ends while it loads.
        """
        found = []
        uptime = float(Path("/proc/uptime").read_text().split()[0])
        for pid in self.processes():
            with suppress(FileNotFoundError, ProcessLookupError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                parent, started = int(fields[1]), int(fields[19]) / os.sysconf("SC_CLK_TCK")
                # Workers are forked by the fork server, which is the gateway's child.
                if parent not in (self.pid, os.getpid()) and uptime - started >= age:
                    found.append(pid)
        return found

    def has_processes(self) -> bool:
        """Return whether a process of the gateway still runs."""
        if Path("/proc/self/stat").exists():
            return bool(self.processes())
        # Processes that have ended count until their parent notices.
        try:
            os.killpg(self.pid, 0)
        except ProcessLookupError:
            return False
        return True

    def wait_until_all_end(self) -> None:
        """Wait until no process of the gateway is left."""
        self.wait_for_exit()
        poll(lambda: not self.has_processes() or None)

    def _address(self) -> tuple[int, str] | None:
        printed = self.printed()
        assert self._process.poll() is None, printed
        found = re.search(r"(?:ws|http)://127\.0\.0\.1:(\d+)/([^/\s]+)/?\n", printed)
        return (int(found[1]), found[2]) if found else None


@contextmanager
def running(
    app: Path, name: str, tmp: Path, *options: str, **settings: object
) -> Iterator[Gateway]:
    """Run a copy of one of the apps in apps/ with the gateway of a generated app.

    Args:
        app: the generated app.
        name: the name of the app to run.
        tmp: an empty folder.
        options: of the command line.
        settings: the settings to add to config.json.
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
    """Replace a file at once, as editors do."""
    new = path.with_name(f"{path.name}.new")
    new.write_text(text)
    new.replace(path)


@contextmanager
def serving(
    app: Path,
    project: Path,
    tmp: Path,
    *options: str,
    variables: Mapping[str, str] | None = None,
) -> Iterator[Gateway]:
    """Run an app in its own folder with the gateway of a generated app."""
    printed = tmp / "printed.txt"
    with printed.open("wb") as output:
        process = subprocess.Popen(
            command(project, *options),
            cwd=app,
            env={**environment(tmp), **(variables or {})},
            stdout=output,
            stderr=subprocess.STDOUT,
            # The processes that it starts are in its session.
            start_new_session=True,
        )
    try:
        yield Gateway(process, project, printed)
    finally:
        # Its process group, since a test may fail before all processes have ended. The workers
        # have groups of their own, and notice that the gateway has ended.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def dynamodb(app: Path) -> Iterator[str]:
    """Run a DynamoDB that outlives gateways, for their --database; yield its URL."""
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
    """Return the command line of a gateway on a free port."""
    return [
        sys.executable,
        "-m",
        "chalice_ws.local",
        "--port=0",
        f"--integration-timeout={SECONDS}",
        f"--project-dir={project}",
        *options,
    ]


def poll(look: Callable[[], T | None], seconds: float = SECONDS) -> T:
    """Call `look` until it returns a value other than None, and return that."""
    end = time.monotonic() + seconds
    while (found := look()) is None:
        assert time.monotonic() < end, f"no value within {seconds} s"
        time.sleep(0.01)
    return found


@contextmanager
def client(url: str, **options: Any) -> Iterator[ClientConnection]:
    """Connect a WebSocket client, without pings of its own."""
    options = {"proxy": None, "open_timeout": SECONDS, "ping_interval": None, **options}
    # `with connect(...) as socket` has another type in websockets 16, the last for Python 3.10.
    socket = connect(url, **options)
    with socket:
        yield socket


def ask(socket: ClientConnection, text: str) -> str:
    """Send a text, and return the next one received."""
    socket.send(text)
    return str(socket.recv(timeout=SECONDS))


def id_of(socket: ClientConnection) -> str:
    """Return the connection's id, from the bare app."""
    return str(json.loads(ask(socket, "event"))["requestContext"]["connectionId"])


def ended(socket: ClientConnection) -> tuple[int, str]:
    """Wait for the gateway's close frame; return its code and reason."""
    with pytest.raises(ConnectionClosed) as closed:
        socket.recv(timeout=SECONDS)
    assert closed.value.rcvd, "no close frame"
    return closed.value.rcvd.code, closed.value.rcvd.reason

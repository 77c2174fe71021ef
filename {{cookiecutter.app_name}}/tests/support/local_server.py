"""The local gateway for tests, in a process of its own."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import boto3
from websockets.sync.client import connect
from websockets.sync.connection import Connection as WebSocket

from chalice_ws.local.issuer.tokens import TOKEN_PATH
from tests.client import ANYONE, Connection, Frame

# A stuck gateway fails the test after this time. A busy machine needs much less.
TIMEOUT_SECONDS = 60


class Socket(Connection):
    """A connection over a WebSocket."""

    def __init__(self, socket: WebSocket) -> None:
        super().__init__()
        self.socket = socket

    def _send(self, text: str) -> None:
        self.socket.send(text)

    def _receive(self) -> Frame:
        return dict(json.loads(self.socket.recv(timeout=TIMEOUT_SECONDS)))

    def disconnect(self) -> None:
        """Close the connection as a browser does."""
        self.socket.close(1001)


class LocalServer:
    """A process of `python -m chalice_ws.local` on a free port, until `stop`.

    Args:
        project: the folder of the app to serve.
        folder: the folder for its output, gateway.log.
        options: more arguments of the command.
    """

    def __init__(self, project: Path, folder: Path, *options: str) -> None:
        self.log = folder / "gateway.log"
        # Two workers for each function run events at once. Each more loads the app and boto3 again.
        command = [sys.executable, "-m", "chalice_ws.local", "--port=0", "--workers=2"]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, f"--project-dir={project}", *options], stdout=log, stderr=log
            )
        self._sockets = ExitStack()
        # The claims of connections that name no user. None makes them guests.
        self.person: Mapping[str, Any] | None = None
        self._numbers = count(1)
        self.url = f"ws://{self._address()}"

    def connect(self, *, user: str | None = ANYONE, **query: str) -> Socket:
        """Open a connection, as Api.connect does, with a query string.

        The app's AUTH must be jwt for a user, and none for a guest.
        """
        url = f"{self.url}?{urlencode(query)}" if query else self.url
        claims = dict(self.person or {})
        if user == ANYONE:
            user = None if self.person is None else f"user-{next(self._numbers)}"
            claims |= query
        protocols = None if user is None else ["chalice-ws.v1", self.token(user, **claims)]
        socket = connect(url, subprotocols=protocols)  # type: ignore[arg-type]
        return Socket(self._sockets.enter_context(socket))

    def token(self, user: str, **claims: Any) -> str:
        """Return a token of the gateway's issuer."""
        url = self.url.replace("ws://", "http://").replace("/api", TOKEN_PATH)
        body = json.dumps({"user": user, "claims": claims}).encode()
        with urlopen(Request(url, body)) as response:
            return str(json.load(response)["token"])

    def client(self, service: str, path: str = "") -> Any:
        """Return a boto3 client whose requests go to the gateway."""
        return boto3.client(
            service,
            endpoint_url=self.url.replace("ws://", "http://").replace("/api", path),
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
        )

    def run(self, function: str, event: Any) -> Any:
        """Invoke a function as another service would, and return its result."""
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
        return json.load(answer["Payload"])

    def stop(self) -> int:
        """Stop the gateway as Ctrl-C does, and return its exit status."""
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(TIMEOUT_SECONDS)
        finally:
            self.process.kill()
            self._sockets.close()

    def _address(self) -> str:
        end = time.monotonic() + TIMEOUT_SECONDS
        while not (found := re.search(r"ws://(\S+)\n", self.log.read_text())):
            if self.process.poll() is not None or time.monotonic() > end:
                self.process.kill()
                raise AssertionError(f"the gateway did not start:\n{self.log.read_text()}")
            time.sleep(0.05)
        return found[1]

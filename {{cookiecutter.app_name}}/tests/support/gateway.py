"""The real local gateway for tests: a process of its own, spoken to over a real WebSocket."""

import json
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import boto3
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from tests.client import Frame, Talk

SECONDS = 20


class Socket(Talk):
    """A connection over a real WebSocket."""

    def __init__(self, socket: Connection) -> None:
        super().__init__()
        self.socket = socket

    def _send(self, text: str) -> None:
        self.socket.send(text)

    def _receive(self) -> Frame:
        return dict(json.loads(self.socket.recv(timeout=SECONDS)))

    def disconnect(self) -> None:
        """Leave as a browser does."""
        self.socket.close(1001)


class Gateway:
    """`python -m local` on a free port, until `stop`.

    Args:
        project: the folder of the app to serve.
        folder: where its output goes, as gateway.log.
        options: more of its command line.
    """

    def __init__(self, project: Path, folder: Path, *options: str) -> None:
        self.log = folder / "gateway.log"
        command = [
            sys.executable,
            "-m",
            "chalice_ws.local",
            "--port",
            "0",
            "--project-dir",
            str(project),
        ]
        with self.log.open("w") as log:
            self.process = subprocess.Popen(
                [*command, f"--project-dir={project}", *options], stdout=log, stderr=log
            )
        self._sockets = ExitStack()
        self.url = f"ws://{self._address()}"

    def connect(self, **query: str) -> Socket:
        """Open a connection, with a query string."""
        url = f"{self.url}?{urlencode(query)}" if query else self.url
        return Socket(self._sockets.enter_context(connect(url)))

    def client(self, service: str, path: str = "") -> Any:
        """A real boto3 client of the gateway."""
        return boto3.client(
            service,
            endpoint_url=self.url.replace("ws://", "http://").replace("/api", path),
            region_name="us-east-1",
            aws_access_key_id="any",
            aws_secret_access_key="any",
        )

    def run(self, function: str, event: Any) -> Any:
        """Invoke a function as another service would."""
        answer = self.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event))
        return json.load(answer["Payload"])

    def stop(self) -> int:
        """Press Ctrl-C; return the exit status."""
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(SECONDS)
        finally:
            self.process.kill()
            self._sockets.close()

    def _address(self) -> str:
        end = time.monotonic() + SECONDS
        while not (found := re.search(r"ws://(\S+)\n", self.log.read_text())):
            if self.process.poll() is not None or time.monotonic() > end:
                self.process.kill()
                raise AssertionError(f"the gateway did not start:\n{self.log.read_text()}")
            time.sleep(0.05)
        return found[1]

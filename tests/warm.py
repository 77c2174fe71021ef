"""Commands of chalice_ws in a generated app, started in a fraction of the time.

Most of the time of a short command is the import of boto3 and Chalice. A process that has imported
them forks for each command: see tests/warm_server.py.
"""

import atexit
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

SERVER = Path(__file__).parent / "warm_server.py"


@cache
def _server() -> socket.socket:
    """Start the process, which ends with this one, and return the socket to it."""
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-B", str(SERVER), str(theirs.fileno())]
    process = subprocess.Popen(
        command, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    theirs.close()

    def stop() -> None:
        ours.close()
        process.wait()

    atexit.register(stop)
    return ours


def run_module(
    *arguments: str,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    input: str = "",
    stderr_to_stdout: bool = False,
) -> "subprocess.CompletedProcess[str]":
    """Run `python -B -m` with a module and its arguments. The result is that of subprocess.run."""
    server = _server()
    with (
        tempfile.TemporaryFile() as stdin,
        tempfile.TemporaryFile() as stdout,
        tempfile.TemporaryFile() as stderr,
    ):
        stdin.write(input.encode())
        stdin.seek(0)
        files = [each.fileno() for each in (stdin, stdout, stdout if stderr_to_stdout else stderr)]
        environment = dict(os.environ if env is None else env)
        command = {"arguments": arguments, "folder": str(cwd), "environment": environment}
        content = json.dumps(command).encode()
        server.sendall(struct.pack("!I", len(content)))
        socket.send_fds(server, [b"\0"], files)
        server.sendall(content)
        (status,) = struct.unpack("!i", server.recv(4, socket.MSG_WAITALL))
        stdout.seek(0)
        stderr.seek(0)
        return subprocess.CompletedProcess(
            [*arguments], status, stdout.read().decode(), stderr.read().decode()
        )

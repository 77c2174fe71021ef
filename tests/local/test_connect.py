"""The command `connect` where an app refuses the connection."""

import socket
from pathlib import Path
from threading import Thread

import pytest

from tests.conftest import RAW
from tests.warm import run_module


def refuse(server: socket.socket) -> None:
    client, _ = server.accept()
    with client:
        client.recv(65536)
        client.sendall(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize("has_makefile", [True, False])
def test_missing_token_is_named_as_the_user_gives_it(has_makefile: bool, tmp_path: Path) -> None:
    folder = RAW if has_makefile else tmp_path
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = Thread(target=refuse, args=[server])
        thread.start()
        url = f"ws://127.0.0.1:{server.getsockname()[1]}/api"
        done = run_module("chalice_ws", "connect", url, f"--project-dir={folder}", cwd=RAW)
        thread.join()
    use = "make connect TOKEN=..." if has_makefile else "--token"
    error = f"cannot connect to {url} (got HTTP 401); use {use} with a token that is valid"
    assert (done.returncode, done.stderr) == (1, f"error: {error}\n")

"""Connect to an app, send the lines of the terminal as frames, and print the frames that come."""

import argparse
import io
import json
import re
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Condition, Thread
from typing import Any, Literal
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from chalice_ws.project.config import AppError, read_config
from chalice_ws.project.makefile import has_target
from chalice_ws.project.options import add_port, add_project_dir, add_stage

# At the end of the input: API Gateway gives a handler 29 s.
REPLY_SECONDS = 30

# Some apps send no reply.
MAX_SILENCE_SECONDS = 10
QUIET_SECONDS = 1

LOOPBACK = ("127.0.0.1", "::1", "localhost")

# By the status of a handshake that is refused.
ADVICE = {
    401: "use --token with a token that is valid",
    403: "use the app's address, and what its connect function allows",
    502: "correct what the app prints",
    504: "correct what the app prints",
}

# A terminal would obey them.
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Replies:
    """The replies to the frames that are sent.

    An app answers with the `id` of the request. A frame without one may be a reply or a push.
    """

    def __init__(self) -> None:
        self._ids: list[Any] = []
        self._without_id = 0
        self._expects_any = False
        self._changed = Condition()

    def expect(self, frame: str) -> None:
        """Note a frame that is sent."""
        with self._changed:
            if (frame_id := _id_of(frame)) is not None:
                self._ids.append(frame_id)
            else:
                self._without_id += 1
                self._expects_any = True

    def count(self, frame: str | bytes) -> None:
        """Note a frame that has come."""
        with self._changed:
            if (frame_id := _id_of(frame)) in self._ids:
                self._ids.remove(frame_id)
            else:
                self._without_id -= 1
            self._changed.notify()

    def wait(self) -> None:
        """Wait for the replies to all frames that were sent, at most for REPLY_SECONDS."""
        end = time.monotonic() + REPLY_SECONDS
        with self._changed:
            self._changed.wait_for(lambda: not self._ids, REPLY_SECONDS)
            if self._expects_any:
                self._changed.wait_for(lambda: self._without_id <= 0, MAX_SILENCE_SECONDS)
                # Pushes may have come in place of the last reply.
                while time.monotonic() < end and self._changed.wait(QUIET_SECONDS):
                    pass


def _id_of(frame: str | bytes) -> Any:
    try:
        content = json.loads(frame)
    except (ValueError, RecursionError):
        return None
    return content.get("id") if isinstance(content, dict) else None


def main(arguments: Sequence[str], prog: str) -> int:
    """Send and print frames until either side closes; return the exit status.

    A person who presses Ctrl-D has seen the replies. Lines of a file or a pipe end before theirs.
    """
    options = _parser(prog).parse_args(arguments)
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):
            # Frames are UTF-8, whatever the locale is.
            stream.reconfigure(encoding="utf-8", errors="replace")
    try:
        url = options.url or _local_url(options)
        # A proxy cannot reach this machine.
        proxy: Literal[True] | None = None if urlsplit(url).hostname in LOOPBACK else True
        headers = {"Authorization": f"Bearer {options.token}"} if options.token else None
        with connect(url, proxy=proxy, additional_headers=headers) as socket:
            _exchange_frames(url, socket)
    except AppError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except InvalidStatus as error:
        advice = _advice(error.response.status_code, options.project_dir)
        print(f"error: cannot connect to {url} (got {_refusal(error)}); {advice}", file=sys.stderr)
        return 1
    # ImportError: a proxy of the kind SOCKS needs one more package.
    except (ImportError, OSError, ValueError, WebSocketException) as error:
        advice = "start the app, or use its address"
        print(f"error: cannot connect to {url} (got {error}); {advice}", file=sys.stderr)
        return 1
    return 0


def _advice(status: int, project_dir: Path) -> str:
    if status == 401 and has_target(project_dir, "connect"):
        return "use make connect TOKEN=... with a token that is valid"
    return ADVICE.get(status, "use the address of the app")


def _refusal(error: InvalidStatus) -> str:
    status, body = error.response.status_code, error.response.body or b""
    # The local gateway says which address to use.
    try:
        return f"HTTP {status}: {_printable(json.loads(body)['message'])}"
    except (KeyError, TypeError, ValueError, RecursionError):
        return f"HTTP {status}"


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog, description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("url", nargs="?", metavar="URL", help="address (default: that of the local gateway)")
    add("--token", help="token of who signs in (default: none)")
    add_port(parser)
    add_stage(parser)
    add_project_dir(parser)
    return parser


def _local_url(options: argparse.Namespace) -> str:
    config = read_config(options.project_dir.resolve(), options.stage)
    return f"ws://127.0.0.1:{options.port}/{config.api_gateway_stage}"


def _exchange_frames(url: str, socket: Connection) -> None:
    print(f"Connected to {url}. Type a frame and press Enter; Ctrl-D ends.", flush=True)
    replies = Replies()
    # The thread cannot be ended while it waits for a line.
    Thread(target=_send_lines, args=[socket, replies], daemon=True).start()
    with suppress(KeyboardInterrupt, ConnectionClosed):
        for frame in socket:
            print("<", _printable(frame), flush=True)
            replies.count(frame)
    socket.close()
    print(f"Closed: {socket.close_code} {_printable(socket.close_reason or '')}".rstrip())


def _send_lines(socket: Connection, replies: Replies) -> None:
    with suppress(ConnectionClosed):
        for line in sys.stdin:
            if line.strip():
                replies.expect(line)
                socket.send(line.rstrip("\r\n"))
        if not sys.stdin.isatty():
            replies.wait()
        socket.close()


def _printable(frame: str | bytes) -> str:
    text = frame if isinstance(frame, str) else frame.hex()
    return CONTROL_CHARACTERS.sub(lambda found: repr(found[0])[1:-1], text)

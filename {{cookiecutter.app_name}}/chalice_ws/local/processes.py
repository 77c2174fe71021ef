"""Child processes that end with the gateway, and a channel to each.

They are forked from a process that has Chalice and boto3 loaded. So a new one starts in
milliseconds, and shares that memory.
"""

import json
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from threading import Thread
from typing import Any

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["boto3", "chalice_ws.local.runtime"])

Main = Callable[..., None]


def start(main: Main, *arguments: Any) -> tuple[BaseProcess, socket.socket]:
    """Start `main` in a new process, with a Channel and the arguments.

    Returns:
        The process, and the parent's end of the channel: one JSON value on each line.
    """
    ours, theirs = socket.socketpair()
    process = _context.Process(target=_run, args=(main, theirs, arguments), daemon=True)
    process.start()
    theirs.close()
    return process, ours


class Channel:
    """The child's end of a channel: iterate to receive."""

    def __init__(self, end: socket.socket) -> None:
        self._file = end.makefile("rw", encoding="utf-8", newline="\n")

    def __iter__(self) -> Iterator[Any]:
        return (json.loads(line) for line in self._file)

    def send(self, value: Any) -> None:
        """Send a JSON value to the gateway."""
        self._file.write(json.dumps(value) + "\n")
        self._file.flush()


def _run(main: Main, end: socket.socket, arguments: tuple[Any, ...]) -> None:
    # Ctrl-C reaches all processes of the terminal. The gateway decides when they end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_parent, daemon=True).start()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    main(Channel(end), *arguments)


def _end_with_parent() -> None:
    # In a thread, since a handler that never returns does not read the channel.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)

"""Processes that end with the gateway, however it ends, and the channel to each.

They are forked from one that has Chalice and boto3 loaded: a new one starts in milliseconds and
shares their memory.
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

Send = Callable[[Any], None]
Main = Callable[..., None]


def start(main: Main, *arguments: Any) -> tuple[BaseProcess, socket.socket]:
    """Start `main` in a process of its own; it gets a Channel, then the arguments.

    Returns:
        the process, and this end of its channel: JSON, one value on each line.
    """
    ours, theirs = socket.socketpair()
    process = _context.Process(target=_run, args=(main, theirs, arguments), daemon=True)
    process.start()
    theirs.close()
    return process, ours


class Channel:
    """The child's end: what the gateway sends, one by one, and a way to answer."""

    def __init__(self, end: socket.socket) -> None:
        self._file = end.makefile("rw", encoding="utf-8", newline="\n")

    def __iter__(self) -> Iterator[Any]:
        return (json.loads(line) for line in self._file)

    def send(self, value: Any) -> None:
        """Send a JSON value."""
        self._file.write(json.dumps(value) + "\n")
        self._file.flush()


def _run(main: Main, end: socket.socket, arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the gateway's; it says when to end
    Thread(target=_end_with_parent, daemon=True).start()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    main(Channel(end), *arguments)


def _end_with_parent() -> None:
    # Also while a handler spins: the channel alone would be read only after that.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)

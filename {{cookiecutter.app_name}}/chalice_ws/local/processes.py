"""Child processes that end with the gateway, and a channel to each.

They are forked from one process, the fork server, which has Chalice and boto3 loaded. So a new one
starts in milliseconds, and shares that memory. Each has a process group of its own, which also has
the processes that a handler starts. Ctrl-C and the SIGTERM of a process manager go to the gateway's
group, and do not reach it: the gateway decides when it ends.
"""

import gc
import json
import multiprocessing
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from multiprocessing.util import get_temp_dir
from shutil import rmtree
from threading import Thread
from typing import Any, NoReturn

_context = multiprocessing.get_context("forkserver")
# The import of own_group takes the fork server out of the gateway's process group.
_context.set_forkserver_preload(
    ["chalice_ws.local.own_group", "boto3", "chalice_ws.local.functions.runtime"]
)

Main = Callable[..., None]


def prepare() -> None:
    """Start the fork server. It loads while this process goes on."""
    forkserver.ensure_running()


def exit_now(status: int) -> NoReturn:
    """End this process with an exit status. The child processes notice, and end.

    It does not wait for threads: with `--workers 0` a handler may never return.
    """
    for stream in (sys.stdout, sys.stderr):
        # Its reader may have ended.
        with suppress(OSError):
            stream.flush()
    # os._exit skips multiprocessing's own deletion of this folder, which has the fork server's
    # socket.
    rmtree(get_temp_dir(), ignore_errors=True)
    os._exit(status)


def start(main: Main, *arguments: Any) -> tuple[BaseProcess, socket.socket]:
    """Start `main` in a new process, with a Channel and the arguments.

    Returns:
        The process, and the parent's end of the channel: one JSON value on each line.
    """
    ours, theirs = socket.socketpair()
    # The fork server started before `isolate`, so the child gets the variables of this process.
    # A daemon must not have children, and handlers may start some.
    arguments = (main, theirs, dict(os.environ), arguments)
    process = _context.Process(target=_run, args=arguments, daemon=False)
    process.start()
    theirs.close()
    return process, ours


def end(process: BaseProcess) -> None:
    """End a process at once, and those that it has started."""
    # A process that has no group of its own yet has started no others.
    process.kill()
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid or 0, signal.SIGKILL)


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


def _run(
    main: Main, end: socket.socket, variables: dict[str, str], arguments: tuple[Any, ...]
) -> None:
    os.setpgid(0, 0)
    os.environ.clear()
    os.environ.update(variables)
    # A collection would look at all that is loaded, and copy the memory that is shared.
    gc.freeze()
    Thread(target=_end_with_parent, daemon=True).start()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    main(Channel(end), *arguments)
    # The gateway has closed the channel, or `main` has sent an error and ended.
    _end_group()


def _end_with_parent() -> None:
    # In a thread, since a handler that never returns does not read the channel.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    _end_group()


def _end_group() -> None:
    os.killpg(0, signal.SIGKILL)

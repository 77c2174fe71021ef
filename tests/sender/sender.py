"""The app's fan-out in a process of its own, as a Lambda function has it: told what to send.

The tests use `sending`; run as a script in an app's folder, this is that process. It is told
its jobs on stdin, as lines of JSON, does each in a thread, and prints each as it ends.
"""

import json
import logging
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Event, Thread
from typing import Any, NamedTuple

PAYLOAD = b'{"type":"message","channel":"lobby","data":"caf\xc3\xa9"}'

# Sending may be over so many seconds after its deadline: the function's reserve has them.
LATE = 6


class Result(NamedTuple):
    """What became of a job.

    Args:
        job: its number.
        counts: how many have which verdict; None where an exception came instead.
        gone: whom it names as gone.
        error: the exception, with its type.
        late: seconds past its deadline, negative before it.
    """

    job: int
    counts: dict[str, int]
    gone: list[str]
    error: str
    late: float


class Sending:
    """A running process; `sending` makes it."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self._process = process
        self._log = log
        self._jobs = 0
        self._results: Queue[Result] = Queue()
        Thread(target=self._read, daemon=True).start()

    def start(
        self,
        recipients: Iterable[tuple[str, str]],
        seconds: float = 20,
        pause_after: int = -1,
        payload: bytes = PAYLOAD,
    ) -> int:
        """Begin to send; return the number of the job.

        Args:
            recipients: ids, each with its endpoint.
            seconds: until the deadline.
            pause_after: so many recipients are there at once; the others after `more`.
            payload: what is sent, in UTF-8.
        """
        self._jobs += 1
        job = {"recipients": list(recipients), "seconds": seconds, "after": pause_after}
        self._tell({**job, "payload": payload.decode()})
        return self._jobs

    def more(self) -> None:
        """The recipients that a job waits for are there."""
        self._tell({})

    def next(self, within: float = 60) -> Result:
        """The next job that ends."""
        try:
            return self._results.get(timeout=within)
        except Empty:
            raise AssertionError(
                f"still sending after {within} s; it logged:\n{self.log}"
            ) from None

    def send(
        self,
        recipients: Iterable[tuple[str, str]],
        seconds: float = 20,
        payload: bytes = PAYLOAD,
    ) -> Result:
        """Send, and wait for what becomes of it."""
        self.start(recipients, seconds, payload=payload)
        return self.next(within=seconds + LATE + 15)

    @property
    def log(self) -> str:
        """What the process has logged."""
        return self._log.read_text()

    def _tell(self, job: dict[str, Any]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()

    def _read(self) -> None:
        for line in self._process.stdout or []:
            self._results.put(Result(**json.loads(line)))


@contextmanager
def sending(app: Path, log: Path, **environment: str) -> Iterator[Sending]:
    """Run the process for the block.

    Args:
        app: the folder of the app whose sender it is.
        log: the file that it logs to.
        environment: its variables, beside those of this process that are not AWS's.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    ours = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true"}
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, __file__],
            cwd=app,
            env={**kept, **ours, "PYTHONPATH": str(app), **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        )
    try:
        yield Sending(process, log)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


class Small(socket.socket):
    """A socket that takes little at once, as those that lead farther than loopback do."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # the least there is


def work(job: dict[str, Any], number: int, more: Event) -> None:
    """Do a job, and print what became of it."""
    from chalicelib.sender import deliver

    def recipients() -> Iterator[tuple[str, str]]:
        for at, (connection_id, endpoint) in enumerate(job["recipients"]):
            if at == job["after"]:
                more.wait()
            yield connection_id, endpoint

    deadline = time.monotonic() + job["seconds"]
    counts, gone, error = {}, [], ""
    try:
        outcome = deliver(job["payload"].encode(), recipients(), deadline)
        counts, gone = outcome.counts(), list(outcome.gone)
    except Exception as raised:
        error = f"{type(raised).__name__}: {raised}"
    late = time.monotonic() - deadline
    print(json.dumps(Result(number, counts, gone, error, late)._asdict()), flush=True)


def main() -> None:
    """Do what stdin says, until it ends."""
    logging.basicConfig(level=logging.INFO)
    if "SMALL_BUFFERS" in os.environ:
        socket.socket = Small  # type: ignore[misc]
    more, number = Event(), 0
    with ThreadPoolExecutor(8) as pool:
        for line in sys.stdin:
            job = json.loads(line)
            if job:
                number += 1
                pool.submit(work, job, number, more)
            else:
                more.set()


if __name__ == "__main__":
    main()

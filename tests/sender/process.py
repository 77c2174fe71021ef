"""A process with the app's sender, as a Lambda function has it.

The tests use `run_sender`. Run as a script, in the folder of an app, this file is the process. It
reads jobs from stdin, as lines of JSON, does each in a thread, and prints each result.
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

# The default deadline. No test waits for it, however slow the machine is.
LONG_SECONDS = 600


class Result(NamedTuple):
    """The result of a job.

    Args:
        job: its number.
        counts: recipients by status; empty after an exception.
        gone: connection ids that the sender reported as gone.
        error: type and message of the exception; empty if there was none.
    """

    job: int
    counts: dict[str, int]
    gone: list[str]
    error: str


class SenderProcess:
    """A running process. `run_sender` starts it."""

    def __init__(self, process: "subprocess.Popen[str]", log: Path) -> None:
        self._process = process
        self._log = log
        self._jobs = 0
        self._results: Queue[Result] = Queue()
        Thread(target=self._read, daemon=True).start()

    def start(
        self,
        recipients: Iterable[tuple[str, str]],
        seconds: float = LONG_SECONDS,
        pause_after: int = -1,
        payload: bytes = PAYLOAD,
    ) -> int:
        """Start a job; return its number.

        Args:
            recipients: ids, each with its endpoint.
            seconds: from the start to the deadline.
            pause_after: the job reads so many recipients, and the others after `resume`.
            payload: UTF-8.
        """
        self._jobs += 1
        job = {"recipients": list(recipients), "seconds": seconds, "pause_after": pause_after}
        self._write({**job, "payload": payload.decode()})
        return self._jobs

    def resume(self) -> None:
        """Let the jobs read the recipients after their pause."""
        self._write({})

    def next_result(self) -> Result:
        """Return the result of the next job that ends."""
        try:
            return self._results.get(timeout=LONG_SECONDS)
        except Empty:
            raise AssertionError(f"the job did not end; the log is:\n{self.log}") from None

    def send(
        self,
        recipients: Iterable[tuple[str, str]],
        seconds: float = LONG_SECONDS,
        payload: bytes = PAYLOAD,
    ) -> Result:
        """Do a job; return its result."""
        self.start(recipients, seconds, payload=payload)
        return self.next_result()

    @property
    def log(self) -> str:
        """The log of the process."""
        return self._log.read_text()

    def _write(self, job: dict[str, Any]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()

    def _read(self) -> None:
        for line in self._process.stdout or []:
            self._results.put(Result(**json.loads(line)))


@contextmanager
def run_sender(app: Path, log: Path, **variables: str) -> Iterator[SenderProcess]:
    """Run a sender process for the block.

    Args:
        app: the folder of the app.
        log: the file for the log.
        variables: added to the environment, of which the AWS_ variables are removed.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    aws = {"AWS_DEFAULT_REGION": "eu-west-1", "AWS_EC2_METADATA_DISABLED": "true"}
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, __file__],
            cwd=app,
            env={**inherited, **aws, "PYTHONPATH": str(app), **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=file,
            text=True,
        )
    try:
        yield SenderProcess(process, log)
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe:
                pipe.close()


class SmallBufferSocket(socket.socket):
    """A socket whose send buffer has the minimum size, so that one call cannot send a request."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)


def set_timeouts() -> None:
    """Set the timeouts of the senders, so that a slow machine does not look like a fault."""
    from chalicelib import aws
    from chalicelib.sender import management_api, pool, retry, sockets

    variables = os.environ
    seconds = float(variables.get("TIMEOUT_SECONDS", 60))
    first_seconds = float(variables.get("FIRST_TIMEOUT_SECONDS", seconds))
    management_api.RESPONSE_TIMEOUT_SECONDS = seconds
    management_api.FIRST_RESPONSE_TIMEOUT_SECONDS = first_seconds
    pool.CONNECT_TIMEOUT_SECONDS = seconds
    pool.MAX_IDLE_SECONDS = float(variables.get("MAX_IDLE_SECONDS", seconds))
    sockets.ATTEMPT_DELAY_SECONDS = float(variables.get("ATTEMPT_DELAY_SECONDS", seconds))
    default = retry.MAX_THROTTLED_SECONDS
    retry.MAX_THROTTLED_SECONDS = float(variables.get("MAX_THROTTLED_SECONDS", default))
    aws.CONNECT_TIMEOUT_SECONDS = seconds
    aws.READ_TIMEOUT_SECONDS = first_seconds


def set_addresses(host: str, *addresses: str) -> None:
    """Let a host have these addresses, in this order."""
    system = socket.getaddrinfo

    def getaddrinfo(name: Any, port: Any, *args: Any, **options: Any) -> Any:
        if name != host:
            return system(name, port, *args, **options)
        kind = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        return [(*kind, (each, port)) for each in addresses]

    socket.getaddrinfo = getaddrinfo  # type: ignore[assignment]


def do_job(job: dict[str, Any], number: int, resumed: Event) -> None:
    """Send as a job says, and print its result."""
    from chalicelib.sender import send

    def recipients() -> Iterator[tuple[str, str]]:
        for index, (connection_id, endpoint) in enumerate(job["recipients"]):
            if index == job["pause_after"]:
                resumed.wait()
            yield connection_id, endpoint

    counts, gone, error = {}, [], ""
    try:
        deadline = time.monotonic() + job["seconds"]
        outcome = send(job["payload"].encode(), recipients(), deadline)
        counts, gone = outcome.counts(), list(outcome.gone)
    except Exception as raised:
        error = f"{type(raised).__name__}: {raised}"
    print(json.dumps(Result(number, counts, gone, error)._asdict()), flush=True)


def main() -> None:
    """Do the jobs on stdin until it ends."""
    logging.basicConfig(level=logging.INFO)
    if "SMALL_BUFFERS" in os.environ:
        socket.socket = SmallBufferSocket  # type: ignore[misc]
    if "ADDRESSES" in os.environ:
        set_addresses(*os.environ["ADDRESSES"].split(","))
    set_timeouts()
    resumed, number = Event(), 0
    with ThreadPoolExecutor(8) as executor:
        for line in sys.stdin:
            job = json.loads(line)
            if job:
                number += 1
                executor.submit(do_job, job, number, resumed)
            else:
                resumed.set()


if __name__ == "__main__":
    main()

"""Sends over many connections at once, kept from one fan-out to the next."""

import asyncio
import logging
import os
import random
import ssl
import time
from collections import deque
from collections.abc import Coroutine
from email.utils import parsedate_to_datetime
from itertools import chain
from math import isqrt
from typing import Any

from chalicelib.fanout import Forbidden, Recipients, Settle
from chalicelib.http1 import Answer, Connection, connect
from chalicelib.pace import Pace
from chalicelib.signing import Signer

log = logging.getLogger(__name__)

# Half the calls a second that an account has by default, for all of its APIs together:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
FANOUT_RPS = 5000
UNLIMITED = 100_000  # what 0 stands for

CHUNK = 2000  # recipients read at a time
MOST = 256  # connections
TIMEOUT = 3  # s, for connecting as for an answer
TRIES = 8
FIRST_WAIT, LONGEST_WAIT = 0.05, 2  # s


def send(payload: bytes, recipients: Recipients, deadline: float, settle: Settle) -> None:
    """As fanout.deliver, which says what became of each by calling `settle`."""
    # Each thread that sends has a pool of its own: a small fan-out does not stand in line
    # behind a large one.
    pool = _pools.pop() if _pools else Pool()
    try:
        pool.loop.run_until_complete(_Fanout(pool, payload, recipients, deadline, settle).run())
    finally:
        _pools.append(pool)


class Pool:
    """Connections that are free, by where they lead to, and the loop that they live on."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._free: dict[tuple[str, int], list[Connection]] = {}
        self._addresses: dict[tuple[str, int], list[str]] = {}

    def free(self) -> int:
        """How many connections wait to be used."""
        return sum(map(len, self._free.values()))

    async def take(self, signer: Signer) -> Connection:
        """A connection to a signer's host; raises OSError."""
        where = signer.host, signer.port
        free = self._free.setdefault(where, [])
        while free:
            connection = free.pop()
            if connection.usable:
                return connection
            connection.close()
        if where not in self._addresses:
            found = await self.loop.getaddrinfo(*where, type=2)
            self._addresses[where] = [str(each[4][0]) for each in found]
        address = random.choice(self._addresses[where])
        try:
            return await connect(address, signer.port, signer.host if signer.tls else None, TIMEOUT)
        except OSError:
            self._addresses.pop(where, None)  # it may have moved
            raise

    def give(self, signer: Signer, connection: Connection) -> None:
        """Keep a connection for the next that asks."""
        if connection.usable:
            self._free[signer.host, signer.port].append(connection)


_pools: list[Pool] = []


class Throttled(OSError):
    """The account's quota is used up, or the client reads too slowly."""


class _Fanout:
    def __init__(
        self,
        pool: Pool,
        payload: bytes,
        recipients: Recipients,
        deadline: float,
        settle: Settle,
    ) -> None:
        self._pool = pool
        self._payload = payload
        self._recipients = iter(recipients)
        self._deadline = deadline
        self._settle = settle
        self._pace = Pace(float(os.environ.get("FANOUT_RPS", FANOUT_RPS)) or UNLIMITED)
        self._signers: dict[str, Signer] = {}
        self._waiting: deque[tuple[str, str]] = deque()
        self._read_so_far = 0
        self._few = asyncio.Event()  # are waiting
        self._over = pool.loop.create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._throttled = 0
        self._reading: asyncio.Future[bool] | None = None

    async def run(self) -> None:
        for _ in range(2):  # so that the loop hears of connections that have ended meanwhile
            await asyncio.sleep(0)
        self._start(self._read())
        await asyncio.wait({self._over}, timeout=self._deadline - time.monotonic())
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._throttled:  # a metric in resources.production.json
            log.warning("API Gateway said 429", extra={"throttled": self._throttled})
        if self._over.done():
            self._over.result()
        else:
            await self._leave()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._pool.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or self._over.done():
            return
        if error := task.exception():
            self._over.set_exception(error)
        elif not self._tasks:
            self._over.set_result(None)

    async def _read(self) -> None:
        more = True
        while more:
            # In a thread: it asks DynamoDB, and waits. What has come is sent meanwhile.
            self._reading = self._pool.loop.run_in_executor(None, self._take)
            while not self._reading.done():
                await asyncio.wait({self._reading}, timeout=0.005)
                self._grow()
            more = self._reading.result()
            self._few.clear()
            if len(self._waiting) > CHUNK // 2:
                await self._few.wait()

    def _take(self) -> bool:
        for count, each in enumerate(self._recipients, 1):
            self._waiting.append(each)
            self._read_so_far += 1
            if count == CHUNK:
                return True
        return False

    def _grow(self) -> None:
        # So many connections cost as much to open as they save by sending side by side, where a
        # handshake takes 1.5 ms of CPU and an answer 10 ms. Those there are cost nothing.
        wanted = min(max(isqrt(7 * self._read_so_far), self._pool.free()), MOST)
        workers = len(self._tasks) - 1
        for _ in range(min(wanted - workers, len(self._waiting))):
            self._start(self._work())

    async def _leave(self) -> None:
        # The deadline has come. Who was not tried is counted, if that can be done quickly.
        if self._reading:
            await asyncio.wait({self._reading}, timeout=1)
            if not self._reading.done():
                log.error("who else was to be sent to could not be read in time")
                return
        end = time.monotonic() + 1
        for connection_id, _ in chain(self._waiting, self._recipients):
            self._settle(connection_id, "untried")
            if time.monotonic() >= end:
                log.error("there are more that were not tried")
                return

    async def _work(self) -> None:
        while self._waiting:
            connection_id, endpoint = self._waiting.popleft()
            if len(self._waiting) == CHUNK // 2:
                self._few.set()
            if endpoint not in self._signers:
                self._signers[endpoint] = Signer(endpoint, self._payload)
            verdict, problem = "untried", ""
            waits = tries = accepted = 0
            try:
                while tries < TRIES:
                    if waits:  # full jitter: those who met shall not meet again
                        longest = min(FIRST_WAIT * 2**waits, LONGEST_WAIT)
                        await asyncio.sleep(random.uniform(0, longest))
                    waits += 1
                    await self._pace.turn()
                    verdict = "failed"
                    try:
                        verdict = await self._post(self._signers[endpoint], connection_id)
                        break
                    except ssl.SSLCertVerificationError:
                        raise
                    except ValueError as error:
                        problem = str(error)
                        break
                    except OSError as error:
                        problem = str(error)
                        # Where nobody gets through, it is no fault of this connection.
                        if self._pace.accepted > accepted or not isinstance(error, Throttled):
                            tries += 1
                        accepted = self._pace.accepted
            finally:
                if verdict == "failed":
                    log.error("connection %s: not delivered: %s", connection_id, problem)
                self._settle(connection_id, verdict)

    async def _post(self, signer: Signer, connection_id: str) -> str:
        # The verdict, or OSError where another try makes sense, and ValueError where it does not.
        connection = await self._pool.take(signer)
        request, access_key = signer.request(connection_id), signer.access_key
        answer = await connection.post(request, TIMEOUT)
        self._pool.give(signer, connection)
        if answer.status in (200, 410):
            self._pace.accept()
            return "delivered" if answer.status == 200 else "gone"
        if answer.status == 403:
            signer.renew()
            if signer.access_key == access_key:
                raise Forbidden(_why(answer))
            raise OSError("the credentials changed meanwhile")
        problem = f"{answer.status} {answer.body[:200].decode(errors='replace')}"
        if answer.status == 429:
            self._throttled += 1
            self._pace.throttle()
            raise Throttled(problem)
        if answer.status < 500:
            raise ValueError(problem)
        raise OSError(problem)


def _why(answer: Answer) -> str:
    kind = answer.headers.get("x-amzn-errortype", "").partition(":")[0]
    said = f"API Gateway said {kind}: {answer.body[:500].decode(errors='replace')}"
    if "Token" in kind or "UnrecognizedClient" in kind:
        return f"the credentials are no longer valid; {said}"
    if "Signature" in kind:
        try:
            there = parsedate_to_datetime(answer.headers["date"]).timestamp()
        except (KeyError, ValueError):
            there = time.time()
        off = time.time() - there
        if abs(off) > 60:
            return f"this clock is {off:+.0f} s off: set it right; {said}"
        return f"the secret key is not that of the access key; {said}"
    return f"allow execute-api:ManageConnections to this function; {said}"

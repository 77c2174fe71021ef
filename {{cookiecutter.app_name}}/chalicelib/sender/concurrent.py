"""Sends over many connections at once, kept from one fan-out to the next."""

import asyncio
import atexit
import logging
import random
import ssl
import time
from collections import deque
from collections.abc import Coroutine
from itertools import chain, count
from math import isqrt
from typing import Any

from chalicelib import settings
from chalicelib.sender.pool import TIMEOUT, Pool
from chalicelib.sender.rate_limit import Pace
from chalicelib.sender.signing import Signer, why
from chalicelib.sender.types import Forbidden, Recipients, Settle, Verdict

log = logging.getLogger(__name__)

UNLIMITED = 100_000  # what 0 stands for

CHUNK = 2000  # recipients read at a time
MOST = 256  # connections
TRIES = 8
FIRST_WAIT, LONGEST_WAIT = 0.1, 2  # s


def send(payload: bytes, recipients: Recipients, deadline: float, settle: Settle) -> None:
    """As fanout.deliver, which says what became of each by calling `settle`."""
    # Each thread that sends has a pool of its own: a small fan-out does not stand in line
    # behind a large one.
    pool = _pools.pop() if _pools else Pool()
    try:
        pool.loop.run_until_complete(_Fanout(pool, payload, recipients, deadline, settle).run())
    finally:
        _pools.append(pool)


_pools: list[Pool] = []


@atexit.register
def _close() -> None:
    for pool in _pools:
        pool.close()


class Throttled(OSError):
    """The account's quota is used up, or the client reads too slowly."""


class _Recipient:
    def __init__(self, connection_id: str, endpoint: str) -> None:
        self.connection_id = connection_id
        self.endpoint = endpoint
        self.verdict: Verdict = "untried"
        self.problem = ""
        self.troubled = False


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
        self._pace = Pace(min(settings.fanout_rps(), UNLIMITED))
        self._signers: dict[str, Signer] = {}
        self._waiting: deque[tuple[str, str]] = deque()
        self._read_so_far = 0
        self._kept = 0  # connections, from the fan-out before
        self._few = asyncio.Event()  # are waiting
        self._over = pool.loop.create_future()
        self._tasks: set[asyncio.Task[None]] = set()
        self._throttled = 0
        self._troubled = 0  # workers whose recipient has failed once
        self._broken: dict[str, Exception] = {}  # endpoints, and why nothing can be sent there
        self._reading: asyncio.Future[bool] | None = None

    async def run(self) -> None:
        for _ in range(2):  # so that the loop hears of connections that have ended meanwhile
            await asyncio.sleep(0)
        self._kept = self._pool.free()
        self._start(self._read())
        await asyncio.wait({self._over}, timeout=self._deadline - time.monotonic())
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            # Again if need be: before Python 3.12 asyncio.wait_for may swallow one cancellation.
            await asyncio.wait(self._tasks, timeout=0.1)
        if self._throttled:  # a metric in resources.production.json
            log.warning("API Gateway said 429", extra={"throttled": self._throttled})
        if self._over.done():
            self._over.result()
        else:
            await self._leave()
        if self._broken and not self._pace.accepted:
            raise next(iter(self._broken.values()))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._pool.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if task.cancelled() or self._over.done():
            return
        if error:
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
        for number, each in enumerate(self._recipients, 1):
            self._waiting.append(each)
            self._read_so_far += 1
            if number == CHUNK:
                return True
        return False

    def _grow(self) -> None:
        # To open n connections takes n ms of CPU, and n of them take 10 / n ms a recipient where an
        # answer takes 10 ms: both together the least at the root of 10 times the recipients. Nearly
        # twice as many help the next fan-out more than they hold up this one; past 200 a vCPU is
        # busy. Still more are for answers that take longer, where opening them does not count
        # among the recipients.
        read = self._read_so_far
        wanted = min(max(min(isqrt(30 * read), 200), read // 64), MOST)
        if self._kept >= wanted // 2:  # few more are not worth their handshakes
            wanted = self._kept
        # Who waits to try again is no worker: those behind shall not wait for it.
        workers = len(self._tasks) - 1 - self._troubled
        room = 2 * MOST - len(self._tasks)
        for _ in range(min(wanted - workers, len(self._waiting), room)):
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
            recipient = _Recipient(*self._waiting.popleft())
            if len(self._waiting) == CHUNK // 2:
                self._few.set()
            try:
                await self._deliver(recipient)
            finally:
                self._troubled -= recipient.troubled
                if recipient.problem and recipient.verdict == "failed":
                    what = "connection %s: not delivered: %s"
                    log.error(what, recipient.connection_id, recipient.problem)
                self._settle(recipient.connection_id, recipient.verdict)

    async def _deliver(self, recipient: _Recipient) -> None:
        tries = accepted = 0
        for waits in count():
            if recipient.endpoint in self._broken:
                recipient.verdict, recipient.problem = "failed", ""  # it is logged already
                return
            wait = self._pace.turn()
            if wait > 0:
                await asyncio.sleep(wait)
            recipient.verdict = "failed"
            try:
                recipient.verdict = await self._post(recipient.connection_id, recipient.endpoint)
                return
            except (Forbidden, ssl.SSLCertVerificationError) as error:
                if recipient.endpoint not in self._broken:
                    log.error("nothing can be sent to %s: %s", recipient.endpoint, error)
                self._broken[recipient.endpoint] = error
                continue
            except ValueError as error:
                recipient.problem = str(error)
                return
            except OSError as error:
                recipient.problem = str(error)
                throttled = isinstance(error, Throttled)
            # Where nobody gets through, it is no fault of this connection.
            if not throttled or self._pace.accepted > accepted:
                tries += 1
            if tries == TRIES:
                return
            accepted = self._pace.accepted
            if not throttled and not recipient.troubled:
                recipient.troubled = True
                self._troubled += 1
                self._grow()
            # Full jitter: those who met shall not meet again.
            longest = min(FIRST_WAIT * 2 ** min(waits, 10), LONGEST_WAIT)
            await asyncio.sleep(random.uniform(0, longest))

    async def _post(self, connection_id: str, endpoint: str) -> Verdict:
        # The verdict, or OSError where another try makes sense, and ValueError where it does not.
        if endpoint not in self._signers:
            self._signers[endpoint] = Signer(endpoint, self._payload)
        signer = self._signers[endpoint]
        connection = self._pool.kept(signer) or await self._pool.open(signer)
        request, access_key = signer.request(connection_id), signer.access_key
        answer = await connection.post(request, TIMEOUT)
        self._pool.give(signer, connection)
        if answer.status in (200, 410):
            self._pace.accept()
            return "delivered" if answer.status == 200 else "gone"
        if answer.status == 403:
            signer.renew()
            if signer.access_key == access_key:
                raise Forbidden(why(answer))
            raise OSError("the credentials changed meanwhile")
        problem = f"{answer.status} {answer.body[:200].decode(errors='replace')}"
        if answer.status == 429:
            self._throttled += 1
            self._pace.throttle()
            raise Throttled(problem)
        if answer.status < 500:
            raise ValueError(problem)
        raise OSError(problem)

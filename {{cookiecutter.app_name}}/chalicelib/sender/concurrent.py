"""Send over many HTTP connections at once.

Strategy:

- `RecipientQueue` reads recipients in a thread. Sending begins with the first of them.
- Each worker is a task. It takes a `Recipient`, makes one attempt, and takes the next one. If
  another attempt is needed, the recipient waits for its time in one of two heaps.
- A worker uses one HTTP connection at a time. So the number of workers sets the number of
  connections (`connections_worth_opening`).
- `ManagementAPI` signs the request, takes a connection from the `Pool`, and maps the response to a
  status.
- One `RateLimit` holds for all workers. It slows all of them down where API Gateway answers many
  of their calls with 429.
- The deadline cancels all workers. Then a recipient is "untried" if API Gateway accepted no attempt
  for it, and "failed" otherwise.
- The pool keeps its connections and its event loop for the next call of `send`. Between two calls
  nothing runs.
"""

import asyncio
import atexit
import logging
import time
from heapq import heappop, heappush
from math import isqrt

from chalicelib import settings
from chalicelib.sender.management_api import ManagementAPI
from chalicelib.sender.pool import Pool
from chalicelib.sender.rate_limit import RateLimit
from chalicelib.sender.recipients import RecipientQueue
from chalicelib.sender.retry import Recipient
from chalicelib.sender.task_group import TaskGroup
from chalicelib.sender.types import OnResult, Recipients

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 256

# The maximum of tasks, with the workers that wait for the time of a retry.
MAX_TASKS = 2 * MAX_CONNECTIONS

# After the deadline, the reading thread has this time to end. Counting the untried recipients then
# has it again.
COUNTING_SECONDS = 1

# Each thread that sends has a pool of its own: a small fan-out does not wait for a large one.
_idle_pools: list[Pool] = []


def send(payload: bytes, recipients: Recipients, deadline: float, on_result: OnResult) -> None:
    """Send as chalicelib.sender.send does, and report each status with `on_result`."""
    try:
        pool = _idle_pools.pop()
    except IndexError:
        pool = Pool()
    try:
        fan_out = _FanOut(pool, payload, recipients, on_result)
        pool.loop.run_until_complete(fan_out.run(deadline))
    finally:
        _idle_pools.append(pool)


class _FanOut:
    """The workers that send one payload."""

    def __init__(
        self, pool: Pool, payload: bytes, recipients: Recipients, on_result: OnResult
    ) -> None:
        self._pool = pool
        self._queue = RecipientQueue(recipients)
        # Heaps: the recipient to attempt first is the first one.
        self._failed_heap: list[Recipient] = []
        self._throttled_heap: list[Recipient] = []
        self._rate_limit = RateLimit(settings.fanout_rps())
        self._api = ManagementAPI(pool, payload, self._rate_limit)
        self._tasks = TaskGroup(pool.loop)
        self._idle_connection_count = self._waiting_worker_count = 0
        self._on_result = on_result

    async def run(self, deadline: float) -> None:
        self._idle_connection_count = await self._pool.begin()
        self._tasks.start(self._queue.fill(on_progress=self._add_workers))
        try:
            in_time = await self._tasks.wait(deadline - time.monotonic())
        finally:
            if throttled := self._rate_limit.throttled_count:
                # resources/production.json makes a metric of this.
                log.warning("API Gateway said 429", extra={"throttled": throttled})
        if not in_time:
            await self._report_unfinished()
        if self._api.blocked and not self._rate_limit.accepted_count:
            raise next(iter(self._api.blocked.values()))

    def _add_workers(self) -> None:
        wanted = connections_worth_opening(self._queue.read_count, self._idle_connection_count)
        # One task reads the recipients.
        active = len(self._tasks) - 1 - self._waiting_worker_count
        new = min(wanted - active, len(self._queue), MAX_TASKS - len(self._tasks))
        for _ in range(new):
            self._tasks.start(self._work())

    async def _work(self) -> None:
        while recipient := await self._next_recipient():
            is_final = True
            try:
                is_final = await recipient.attempt(
                    self._api, self._rate_limit, self._queue.is_finished()
                )
            finally:
                if is_final:
                    self._finish(recipient)
                elif recipient.status == "failed":
                    heappush(self._failed_heap, recipient)
                else:
                    heappush(self._throttled_heap, recipient)

    async def _next_recipient(self) -> Recipient | None:
        """Return a recipient to attempt, or None to end the worker.

        The order is: recipients that failed, those that were not tried, those that were throttled.
        """
        while True:
            now = time.monotonic()
            if self._failed_heap and self._failed_heap[0].retry_at <= now:
                return heappop(self._failed_heap)
            if self._queue:
                return Recipient(*self._queue.pop())
            if self._throttled_heap and self._throttled_heap[0].retry_at <= now:
                return heappop(self._throttled_heap)
            if self._waiting_worker_count >= len(self._failed_heap) + len(self._throttled_heap):
                return None
            first = min([*self._failed_heap[:1], *self._throttled_heap[:1]])
            self._waiting_worker_count += 1
            try:
                await asyncio.sleep(first.retry_at - now)
            finally:
                self._waiting_worker_count -= 1

    def _finish(self, recipient: Recipient) -> None:
        if recipient.problem and recipient.status == "failed":
            log.warning(
                "connection %s: not delivered: %s", recipient.connection_id, recipient.problem
            )
        self._on_result(recipient.connection_id, recipient.status)

    async def _report_unfinished(self) -> None:
        for recipient in [*self._failed_heap, *self._throttled_heap]:
            self._finish(recipient)
        if not await self._queue.wait_until_stopped(COUNTING_SECONDS):
            log.error("the other recipients could not be read in time, and are not counted")
            return
        end = time.monotonic() + COUNTING_SECONDS
        for connection_id, _ in self._queue.remaining():
            self._on_result(connection_id, "untried")
            if time.monotonic() >= end:
                log.error("there was no time to count all untried recipients")
                return


def connections_worth_opening(read_count: int, idle_count: int) -> int:
    """Return the number of HTTP connections with which a fan-out is fastest.

    Opening n connections takes n ms of CPU. If a response takes 10 ms, r recipients then take
    10 * r / n ms. The sum is smallest at n = sqrt(10 * r). sqrt(30 * r) is hardly slower, and
    faster for the next fan-out. 200 connections keep a vCPU busy. If responses take longer, more
    connections help: one for each 64 recipients.

    Args:
        read_count: recipients that were read so far.
        idle_count: connections that were open at the beginning.
    """
    wanted = min(max(min(isqrt(30 * read_count), 200), read_count // 64), MAX_CONNECTIONS)
    # Where half of them are open, the others are not worth their TLS handshakes.
    return idle_count if idle_count >= wanted // 2 else wanted


@atexit.register
def _close_pools() -> None:
    for pool in _idle_pools:
        pool.close()

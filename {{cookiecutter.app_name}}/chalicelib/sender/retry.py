"""Deliver to one recipient, in as many attempts as that takes."""

import asyncio
import random
from collections.abc import Callable
from itertools import count

from chalicelib.sender.client import Blocked, Client, Rejected, Throttled
from chalicelib.sender.rate_limit import RateLimit
from chalicelib.sender.types import Status

MAX_FAILURES = 8

# The longest wait before the second attempt. It doubles with each attempt, up to the maximum.
FIRST_WAIT_SECONDS = 0.1
MAX_WAIT_SECONDS = 2


class Delivery:
    """A delivery to one recipient.

    `status` is valid at any time, also where the deadline cancels `run`.
    """

    def __init__(self, connection_id: str, endpoint: str) -> None:
        self.connection_id = connection_id
        self.status: Status = "untried"
        self.problem = ""
        self.is_retrying = False
        self._endpoint = endpoint

    async def run(
        self, client: Client, rate_limit: RateLimit, on_retrying: Callable[[], None]
    ) -> None:
        """Attempt to deliver until the status is final.

        Args:
            on_retrying: called once, before the first wait after a failed attempt. A 429 is
                not counted as one: it slows down all recipients.
        """
        failures = accepted_count = 0
        for attempt in count():
            if self._endpoint in client.blocked:
                self.status, self.problem = "failed", ""
                return
            wait_seconds = rate_limit.reserve()
            if wait_seconds > 0:
                await asyncio.sleep(wait_seconds)
            self.status = "failed"
            try:
                self.status = await client.post(self.connection_id, self._endpoint)
                return
            except Blocked:
                self.problem = ""
                return
            except Rejected as error:
                self.problem = str(error)
                return
            except OSError as error:
                self.problem = str(error)
                throttled = isinstance(error, Throttled)
            # Where API Gateway accepts no call at all, a 429 is not due to this connection.
            if not throttled or rate_limit.accepted_count > accepted_count:
                failures += 1
            if failures == MAX_FAILURES:
                return
            accepted_count = rate_limit.accepted_count
            if not throttled and not self.is_retrying:
                self.is_retrying = True
                on_retrying()
            # Full jitter: recipients that failed together are retried at different times.
            max_wait_seconds = min(FIRST_WAIT_SECONDS * 2 ** min(attempt, 10), MAX_WAIT_SECONDS)
            await asyncio.sleep(random.uniform(0, max_wait_seconds))

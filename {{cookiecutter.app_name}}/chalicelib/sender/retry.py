"""A recipient: the attempts to send to it, and the time of the next one."""

import asyncio
import random
import time

from chalicelib.sender.management_api import Blocked, ManagementAPI, Rejected, Throttled
from chalicelib.sender.rate_limit import RateLimit
from chalicelib.sender.types import Status

# Errors other than 429.
MAX_FAILURES = 8

# The longest wait before the second attempt. It doubles with each attempt, up to the maximum.
FIRST_WAIT_SECONDS = 0.1
MAX_WAIT_SECONDS = 2

# A 429 has two causes: the account's quota, or a client that does not read. Each 429 in a row makes
# the quota less probable. Below this probability, the client is taken for the cause.
MIN_QUOTA_PROBABILITY = 1e-6

# The client may also be the cause if all recipients were tried and no call was accepted for this
# time. It is the cause if the quota accepts a call at the same time.
MAX_THROTTLED_SECONDS = 3

# For this time, a client that did not read gets one attempt in each fan-out.
SLOW_SECONDS = 60

# The connection ids of these clients, each with the end of SLOW_SECONDS on the monotonic clock.
_slow_until: dict[str, float] = {}


class Recipient:
    """A recipient of a fan-out.

    `status` is valid at any time, also if the deadline cancels an attempt. Between two attempts
    it is "failed", or "untried" after a 429. `retry_at` is the time of the next attempt
    on the monotonic clock.
    """

    def __init__(self, connection_id: str, endpoint: str) -> None:
        self.connection_id = connection_id
        self.status: Status = "untried"
        self.problem = ""
        self.retry_at = 0.0
        self._endpoint = endpoint
        self._attempts = self._failures = 0
        self._quota_probability = 1.0
        # The counts of the rate limit at the last 429, and the time of the first one.
        self._accepted_count = self._throttled_count = 0
        self._throttled_at = 0.0

    def __lt__(self, other: "Recipient") -> bool:
        """Order recipients by their next attempt."""
        return self.retry_at < other.retry_at

    async def attempt(
        self, api: ManagementAPI, rate_limit: RateLimit, were_all_tried: bool
    ) -> bool:
        """Attempt to deliver once; return whether the status is final.

        Args:
            were_all_tried: False while there is a recipient without an attempt.
        """
        wait_seconds = rate_limit.reserve()
        if wait_seconds > 0:
            await asyncio.sleep(wait_seconds)
        has_quota = (
            were_all_tried
            and self._is_throttled_too_long(rate_limit)
            and await api.has_quota(self._endpoint)
        )
        # An attempt that is cancelled from here on may have delivered: the last problem is not why.
        self.status, self.problem = "failed", ""
        try:
            self.status = await api.post(self.connection_id, self._endpoint)
            _slow_until.pop(self.connection_id, None)
            return True
        except Blocked:
            return True
        except Rejected as error:
            self.problem = str(error)
            return True
        except Throttled as error:
            self.problem = str(error)
            if _slow_until.get(self.connection_id, 0) > time.monotonic():
                return True
            if has_quota or self._is_quota_improbable(rate_limit):
                return self._give_up_slow_client()
            # API Gateway did not take the payload, so that another fan-out may send it.
            self.status = "untried"
        except OSError as error:
            self.problem = str(error)
            self._failures += 1
            if self._failures == MAX_FAILURES:
                return True
        self._attempts += 1
        # Full jitter: recipients that failed together are retried at different times.
        max_wait_seconds = FIRST_WAIT_SECONDS * 2 ** min(self._attempts - 1, 10)
        wait_seconds = random.uniform(0, min(max_wait_seconds, MAX_WAIT_SECONDS))
        self.retry_at = time.monotonic() + wait_seconds
        return False

    def _give_up_slow_client(self) -> bool:
        self.status = "failed"
        _slow_until[self.connection_id] = time.monotonic() + SLOW_SECONDS
        return True

    def _is_quota_improbable(self, rate_limit: RateLimit) -> bool:
        """Count a 429; return whether the quota is an improbable cause of all of them."""
        if self._throttled_at:
            accepted = rate_limit.accepted_count - self._accepted_count
            throttled = rate_limit.throttled_count - self._throttled_count
            self._quota_probability *= throttled / (accepted + throttled)
        else:
            self._throttled_at = time.monotonic()
        self._accepted_count = rate_limit.accepted_count
        self._throttled_count = rate_limit.throttled_count
        return self._quota_probability < MIN_QUOTA_PROBABILITY

    def _is_throttled_too_long(self, rate_limit: RateLimit) -> bool:
        if not self._throttled_at:
            return False
        since = max(self._throttled_at, rate_limit.accepted_at)
        return time.monotonic() - since > MAX_THROTTLED_SECONDS

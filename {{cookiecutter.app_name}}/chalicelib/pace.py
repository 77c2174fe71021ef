"""How fast to send: all of a fan-out slows down together where API Gateway says 429."""

import asyncio
import time

# In seconds. Answers to what was sent before a cut do not cut again.
_CUT = 0.1


class Pace:
    """A bucket of one second's calls, filled at a rate that follows what is accepted.

    Args:
        limit: calls a second, the most there ever are.
    """

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._rate = limit
        self._due = 0.0  # when the next call is within the rate
        self._cut_at = 0.0
        self._accepted = 0

    async def turn(self) -> None:
        """Wait until one more call is within the rate."""
        now = time.monotonic()
        # An account's own bucket holds half a second's calls at least: a burst is what it is for.
        self._due = max(self._due, now - 1) + 1 / self._rate
        if self._due > now:
            await asyncio.sleep(self._due - now)

    def accepted(self) -> None:
        """A call got through: the rate grows, by half in a second."""
        self._accepted += 1
        self._rate = min(self._limit, self._rate + 0.5)

    def throttled(self) -> None:
        """A call got 429: down to half the rate, or to what is accepted if that is less."""
        now = time.monotonic()
        took = now - self._cut_at
        if took > _CUT:
            self._rate = max(1, min(self._rate / 2, self._accepted / took))
            self._due = max(self._due, now)
            self._cut_at = now
            self._accepted = 0

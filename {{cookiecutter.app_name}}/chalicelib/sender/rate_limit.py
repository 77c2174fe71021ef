"""How fast to send: all of a fan-out slows down together where API Gateway says 429."""

import time

# In seconds. Answers to what was sent before a cut do not cut again.
_CUT = 0.1

# Calls a second. However much is refused, this function goes on trying so often.
_LEAST = 50


class Pace:
    """A bucket of one second's calls, filled at a rate that follows what is accepted.

    Args:
        limit: calls a second, the most there ever are.
    """

    def __init__(self, limit: float) -> None:
        self.accepted = 0
        self._limit = limit
        self._rate = limit
        self._due = 0.0  # when the next call is within the rate
        self._cut_at = time.monotonic()
        self._before = 0  # were accepted until then

    def turn(self) -> float:
        """Take one call's turn; return the seconds until it, 0 or less for now."""
        now = time.monotonic()
        # An account's own bucket holds half a second's calls at least: a burst is what it is for.
        self._due = max(self._due, now - 1) + 1 / self._rate
        return self._due - now

    def accept(self) -> None:
        """A call got through: the rate grows, to the double in less than a second."""
        self.accepted += 1
        self._rate = min(self._limit, self._rate + 1)

    def throttle(self) -> None:
        """A call got 429: on with half the rate, or with what is accepted if that is less."""
        now = time.monotonic()
        took = now - self._cut_at
        if took > _CUT:
            accepted = (self.accepted - self._before) / took
            self._rate = max(_LEAST, self._rate / 8, min(self._rate / 2, accepted))
            self._due = max(self._due, now)
            self._cut_at, self._before = now, self.accepted

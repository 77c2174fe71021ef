"""A rate limit for one fan-out. All of the fan-out slows down where API Gateway answers 429."""

import time

# A 429 does not lower the rate again so soon: it answers a call from before.
MIN_SECONDS_BETWEEN_CUTS = 0.1

# Calls a second. They are left however many calls are throttled.
MIN_RATE = 50

# Calls a second, in place of "unlimited". No function reaches it, and throttling can divide it.
MAX_RATE = 100_000


class RateLimit:
    """A bucket of one second's calls. Its rate follows the calls that API Gateway accepts.

    Args:
        max_rate: calls a second; infinity is unlimited.
    """

    def __init__(self, max_rate: float) -> None:
        self.accepted_count = 0
        self.throttled_count = 0
        self._max_rate = min(max_rate, MAX_RATE)
        self._rate = self._max_rate
        self._next_call_at = 0.0
        self._cut_at = time.monotonic()
        self._accepted_before_cut = 0

    def reserve(self) -> float:
        """Reserve one call. Return the seconds to wait before it; 0 or less is now."""
        now = time.monotonic()
        # The account's own bucket holds half a second's calls or more, for bursts like this.
        self._next_call_at = max(self._next_call_at, now - 1) + 1 / self._rate
        return self._next_call_at - now

    def on_accepted(self) -> None:
        """Raise the rate after an accepted call. It doubles in less than a second."""
        self.accepted_count += 1
        self._rate = min(self._max_rate, self._rate + 1)

    def on_throttled(self) -> None:
        """Lower the rate after a 429: to half, or to the accepted calls a second if fewer."""
        self.throttled_count += 1
        now = time.monotonic()
        elapsed_seconds = now - self._cut_at
        if elapsed_seconds > MIN_SECONDS_BETWEEN_CUTS:
            accepted_rate = (self.accepted_count - self._accepted_before_cut) / elapsed_seconds
            lower_rate = max(MIN_RATE, self._rate / 8, min(self._rate / 2, accepted_rate))
            self._rate = min(self._rate, lower_rate)
            self._next_call_at = max(self._next_call_at, now)
            self._cut_at, self._accepted_before_cut = now, self.accepted_count

"""A rate limit for one fan-out. All of the fan-out slows down where API Gateway answers 429."""

import time

# Calls are counted for this time before the rate is lowered. It is not lowered where fewer than
# this share of them were refused: those recipients do not read, or are few enough to retry.
MIN_WINDOW_SECONDS = 0.1
MIN_THROTTLED_SHARE = 0.1

# Calls a second. They are left however many calls are throttled.
MIN_RATE = 50

# Calls a second, in place of "unlimited". No function reaches it, and throttling can divide it.
MAX_RATE = 100_000


class RateLimit:
    """A bucket of one second's calls. Its rate follows the calls that API Gateway accepts.

    `accepted_at` is the time of the last accepted call on the monotonic clock; 0 before it.

    Args:
        max_rate: calls a second; infinity is unlimited.
    """

    def __init__(self, max_rate: float) -> None:
        self.accepted_count = self.throttled_count = 0
        self.accepted_at = 0.0
        self._max_rate = min(max_rate, MAX_RATE)
        self._rate = self._max_rate
        self._next_call_at = 0.0
        # The beginning of the window, and the counts of that time.
        self._window_at = time.monotonic()
        self._window_accepted_count = self._window_throttled_count = 0

    def reserve(self) -> float:
        """Reserve one call. Return the seconds to wait before it; 0 or less is now."""
        now = time.monotonic()
        # The account's own bucket holds half a second's calls or more, for bursts like this.
        self._next_call_at = max(self._next_call_at, now - 1) + 1 / self._rate
        return self._next_call_at - now

    def on_accepted(self) -> None:
        """Raise the rate after an accepted call. It doubles in less than a second."""
        self.accepted_count += 1
        self.accepted_at = time.monotonic()
        self._rate = min(self._max_rate, self._rate + 1)

    def on_throttled(self) -> None:
        """Lower the rate after a 429: to half, or to the accepted calls a second if fewer."""
        self.throttled_count += 1
        now = time.monotonic()
        window_seconds = now - self._window_at
        if window_seconds <= MIN_WINDOW_SECONDS:
            return
        accepted = self.accepted_count - self._window_accepted_count
        throttled = self.throttled_count - self._window_throttled_count
        if throttled >= MIN_THROTTLED_SHARE * (accepted + throttled):
            accepted_rate = accepted / window_seconds
            lower_rate = max(MIN_RATE, self._rate / 8, min(self._rate / 2, accepted_rate))
            self._rate = min(self._rate, lower_rate)
            self._next_call_at = max(self._next_call_at, now)
        self._window_at = now
        self._window_accepted_count = self.accepted_count
        self._window_throttled_count = self.throttled_count

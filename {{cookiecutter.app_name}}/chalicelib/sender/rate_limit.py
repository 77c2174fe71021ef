"""A rate limit for one fan-out. All of the fan-out slows down where the quota is used up."""

import time
from typing import NamedTuple

# The rate is lowered only after this many calls in at least this time, and only if API Gateway
# answered at least this share of them with 429. A smaller share comes from recipients that do not
# read, or is small enough to retry.
MIN_WINDOW_CALLS = 20
MIN_WINDOW_SECONDS = 0.1
MIN_THROTTLED_SHARE = 0.1

# Calls a second. Throttled calls do not lower the rate below this.
MIN_RATE = 50

# Calls a second, in place of "unlimited". No function reaches this rate, and it can be halved.
MAX_RATE = 100_000


class Window(NamedTuple):
    """A measurement of the calls at one rate."""

    rate: float
    calls_per_second: float
    accepted_share: float


class RateLimit:
    """A token bucket of one second's calls, whose rate follows the answers of API Gateway.

    A 429 has two causes. If the quota is used up, a lower rate raises the accepted share of the
    calls. If recipients do not read, it does not. Then the rate is restored, and the same share of
    429 does not lower it again.

    `accepted_at` is the time of the last accepted call on the monotonic clock, or 0.

    Args:
        max_rate: calls a second; infinity is unlimited.
    """

    def __init__(self, max_rate: float) -> None:
        self.accepted_count = self.throttled_count = 0
        self.accepted_at = 0.0
        self._max_rate = min(max_rate, MAX_RATE)
        self._rate = self._max_rate
        self._next_call_at = 0.0
        # The time of the first response in the window, and the counts before it.
        self._window_at: float | None = None
        self._window_accepted_count = self._window_throttled_count = 0
        # The window before the rate was lowered.
        self._faster_window: Window | None = None
        # The share of 429 that no lower rate avoids.
        self._unavoidable_share = 0.0

    def reserve(self) -> float:
        """Reserve one call. Return the seconds to wait before it; 0 or less is now."""
        now = time.monotonic()
        # The calls of one second may start at once. By default they are half of those that the
        # account's quota accepts in a second.
        self._next_call_at = max(self._next_call_at, now - 1) + 1 / self._rate
        return self._next_call_at - now

    def on_accepted(self) -> None:
        """Raise the rate after an accepted call. It doubles in less than a second."""
        self.accepted_count += 1
        self.accepted_at = time.monotonic()
        if self._window_at is None:
            self._window_at = self.accepted_at
        self._rate = min(self._max_rate, self._rate + 1)

    def on_throttled(self) -> None:
        """Lower the rate after a 429: to half, or to the accepted calls a second if fewer."""
        self.throttled_count += 1
        now = time.monotonic()
        if self._window_at is None:
            self._window_at = now
        window_seconds = now - self._window_at
        accepted = self.accepted_count - self._window_accepted_count
        calls = accepted + self.throttled_count - self._window_throttled_count
        if window_seconds <= MIN_WINDOW_SECONDS or calls < MIN_WINDOW_CALLS:
            return
        self._adjust(Window(self._rate, calls / window_seconds, accepted / calls), now)
        self._window_at = None
        self._window_accepted_count = self.accepted_count
        self._window_throttled_count = self.throttled_count

    def on_quota_available(self) -> None:
        """Restore the rate. Recipients are the cause of the 429 since the last accepted call."""
        self._rate = self._max_rate
        self._unavoidable_share = 1.0
        self._faster_window = None

    def _adjust(self, window: Window, now: float) -> None:
        """Lower the rate, or restore it where that was in vain."""
        throttled_share = 1 - window.accepted_share
        self._unavoidable_share = min(self._unavoidable_share, throttled_share)
        faster = self._faster_window
        if faster and faster.calls_per_second > window.calls_per_second * 1.5:
            # The quota accepts the same number of calls, whatever the number of refused ones.
            quota_share = faster.accepted_share * faster.calls_per_second / window.calls_per_second
            middle_share = (faster.accepted_share + min(1, quota_share)) / 2
            if window.accepted_share >= middle_share:
                self._faster_window = None
            # A much smaller share says nothing: something else may use the quota up.
            elif window.accepted_share > faster.accepted_share / 2:
                self._rate = max(self._rate, faster.rate)
                self._unavoidable_share = throttled_share
                self._faster_window = None
                return
        if throttled_share >= self._unavoidable_share + MIN_THROTTLED_SHARE:
            self._faster_window = self._faster_window or window
            # A busy processor makes fewer calls than the rate allows.
            rate = min(self._rate, window.calls_per_second)
            accepted_rate = window.calls_per_second * window.accepted_share
            self._rate = min(self._rate, max(MIN_RATE, rate / 8, min(rate / 2, accepted_rate)))
            self._next_call_at = max(self._next_call_at, now)

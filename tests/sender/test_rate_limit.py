"""The rate of calls: within the quota, shared by one fan-out, and not by several."""

import time
from pathlib import Path
from types import ModuleType

import pytest

from tests.certificates import Certificate
from tests.sender.fake_api import FakeApi, Post, Reply, error
from tests.sender.process import SenderProcess, run_sender
from tests.sender.support import (
    assert_consistent,
    environment,
    load_module,
    new_ids,
    recipients,
    wait_for,
)


class Clock:
    """A clock that only the test moves, in place of the module `time`."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """A clock for the rate limit."""
    return Clock()


@pytest.fixture
def rate_limit(app: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module chalicelib.sender.rate_limit, with the clock."""
    module = load_module(app, "rate_limit")
    monkeypatch.setattr(module, "time", clock)
    return module


def calls_at_once(limit: object) -> int:
    """Return how many calls need not wait."""
    calls = 0
    while limit.reserve() <= 0:  # type: ignore[attr-defined]
        calls += 1
    return calls


def test_limit_allows_one_second_of_calls_at_once(rate_limit: ModuleType, clock: Clock) -> None:
    limit = rate_limit.RateLimit(100)
    assert calls_at_once(limit) == pytest.approx(100, abs=1)
    clock.now += 0.5
    assert calls_at_once(limit) == pytest.approx(50, abs=2)
    clock.now += 60
    assert calls_at_once(limit) == pytest.approx(100, abs=1)


def test_limit_spreads_later_calls(rate_limit: ModuleType) -> None:
    limit = rate_limit.RateLimit(100)
    calls_at_once(limit)
    first, second = limit.reserve(), limit.reserve()
    assert second - first == pytest.approx(1 / 100)


def test_429_lowers_the_rate_and_accepted_calls_raise_it(
    rate_limit: ModuleType, clock: Clock
) -> None:
    limit = rate_limit.RateLimit(1000)
    clock.now += 1
    for _ in range(300):
        limit.on_accepted()
    # The first 429 begins a window, the last one ends it.
    for _ in range(20):
        limit.on_throttled()
    clock.now += 0.2
    for _ in range(60):
        limit.on_accepted()
    limit.on_throttled()
    first, second = limit.reserve(), limit.reserve()
    assert second - first == pytest.approx(1 / 300)
    for _ in range(2000):
        limit.on_accepted()
    first, second = limit.reserve(), limit.reserve()
    assert second - first == pytest.approx(1 / 1000)


def test_a_few_429_among_accepted_calls_leave_the_rate(
    rate_limit: ModuleType, clock: Clock
) -> None:
    """A member that does not read gets 429. It must not slow down a fan-out to thousands."""
    limit = rate_limit.RateLimit(1000)
    for _ in range(100):
        clock.now += 0.05
        for _ in range(50):
            limit.on_accepted()
        limit.on_throttled()
    first, second = limit.reserve(), limit.reserve()
    assert second - first == pytest.approx(1 / 1000)


def test_429_after_a_time_of_accepted_calls_lower_the_rate(
    rate_limit: ModuleType, clock: Clock
) -> None:
    limit = rate_limit.RateLimit(1000)
    for _ in range(100):
        clock.now += 0.05
        for _ in range(50):
            limit.on_accepted()
    for _ in range(20):
        clock.now += 0.05
        limit.on_throttled()
    first, second = limit.reserve(), limit.reserve()
    assert second - first == pytest.approx(1 / 50)


def test_several_429_at_once_lower_the_rate_once(rate_limit: ModuleType, clock: Clock) -> None:
    limit = rate_limit.RateLimit(1000)
    clock.now += 1
    for _ in range(20):
        limit.on_throttled()
    first, second = limit.reserve(), limit.reserve()
    assert second - first == pytest.approx(1 / 125)


def test_429_with_a_small_limit_does_not_raise_the_rate(
    rate_limit: ModuleType, clock: Clock
) -> None:
    limit = rate_limit.RateLimit(10)
    clock.now += 1
    limit.on_throttled()
    first, second = limit.reserve(), limit.reserve()
    assert second - first >= 1 / 10.001


def test_unlimited_rate_is_lowered_by_429(rate_limit: ModuleType, clock: Clock) -> None:
    limit = rate_limit.RateLimit(float("inf"))
    clock.now += 1
    limit.on_throttled()
    first, second = limit.reserve(), limit.reserve()
    assert second > first


def test_burst_of_429_delivers_to_all(sender: SenderProcess, api: FakeApi) -> None:
    replies = iter([error(429, "LimitExceededException"), error(429)] * 100)
    api.override = lambda post: next(replies, None)
    ids = new_ids(200)
    result = sender.send(recipients(api, ids))
    assert_consistent(result, ids, api)
    assert result.counts["delivered"] == len(ids), result


def test_quota_of_the_account_delivers_to_all_with_few_429(
    sender: SenderProcess, api: FakeApi
) -> None:
    tokens, refilled_at = 50.0, time.monotonic()

    def allow_500_a_second(post: Post) -> Reply | None:
        nonlocal tokens, refilled_at
        now = time.monotonic()
        tokens, refilled_at = min(50, tokens + (now - refilled_at) * 500), now
        if tokens < 1:
            return error(429, "LimitExceededException")
        tokens -= 1
        return None

    api.override = allow_500_a_second
    ids = new_ids(800)
    result = sender.send(recipients(api, ids))
    assert_consistent(result, ids, api)
    assert result.counts["delivered"] == len(ids), result
    # Each may be refused once before the rate is known. Without a rate limit there are 2,200.
    assert api.statuses(429).total() < 2 * len(ids)


def test_small_fan_out_does_not_wait_for_a_large_one(sender: SenderProcess, api: FakeApi) -> None:
    large = sender.start(recipients(api, new_ids(100)), pause_after=50)
    wait_for(lambda: len(api.answered) == 50)
    small = sender.start(recipients(api, new_ids(10)))
    result = sender.next_result()
    assert (result.job, result.counts["delivered"]) == (small, 10)
    sender.resume()
    result = sender.next_result()
    assert (result.job, result.counts["delivered"]) == (large, 100)


def test_setting_limits_the_calls_a_second(
    app: Path, certificate: Certificate, api: FakeApi, tmp_path: Path
) -> None:
    variables = environment(certificate, FANOUT_RPS="50")
    with run_sender(app, tmp_path / "log", **variables) as sender:
        ids = new_ids(1000)
        begin = time.monotonic()
        result = sender.send(recipients(api, ids), seconds=2)
        elapsed_seconds = time.monotonic() - begin
    assert_consistent(result, ids, api)
    # One second's calls are allowed at once.
    assert len(api.answered) <= 50 * (elapsed_seconds + 1)
    assert result.counts["untried"] > 500

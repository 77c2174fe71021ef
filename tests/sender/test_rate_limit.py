"""The rate of calls: within the quota, shared by one fan-out, and not by several."""

import time
from pathlib import Path
from random import Random
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


def answer(limit: object, clock: Clock, accepted: int, throttled: int, seconds: float) -> None:
    """Report calls that API Gateway answered in this time, the 429 among the accepted ones."""
    calls = accepted + throttled
    for n in range(calls):
        clock.now += seconds / calls
        is_throttled = (n + 1) * throttled // calls > n * throttled // calls
        (limit.on_throttled if is_throttled else limit.on_accepted)()  # type: ignore[attr-defined]


def rate(limit: object, clock: Clock) -> float:
    """Return the calls a second that are allowed from now on."""
    while limit.reserve() <= 0:  # type: ignore[attr-defined]
        pass
    first, second = limit.reserve(), limit.reserve()  # type: ignore[attr-defined]
    clock.now += second
    return float(1 / (second - first))


def test_429_lowers_the_rate_to_the_accepted_calls_and_accepted_calls_raise_it(
    rate_limit: ModuleType, clock: Clock
) -> None:
    limit = rate_limit.RateLimit(1000)
    answer(limit, clock, accepted=30, throttled=70, seconds=0.11)
    assert rate(limit, clock) == pytest.approx(270, rel=0.1)
    answer(limit, clock, accepted=2000, throttled=0, seconds=2)
    assert rate(limit, clock) == pytest.approx(1000)


def test_rate_follows_the_quota(rate_limit: ModuleType, clock: Clock) -> None:
    """The quota accepts 500 calls a second and a burst of 100, whatever the rate is."""
    limit = rate_limit.RateLimit(float("inf"))
    tokens, refused, next_call_at = 100.0, [0] * 20, clock.now
    for tenth in range(20):
        end = clock.now + 0.1
        while clock.now < end:
            # The function makes 5,000 calls a second at most.
            clock.now += max(1 / 5000, limit.reserve())
            tokens = min(100, tokens + max(1 / 5000, clock.now - next_call_at) * 500)
            next_call_at = clock.now
            if tokens >= 1:
                tokens -= 1
                limit.on_accepted()
            else:
                refused[tenth] += 1
                limit.on_throttled()
    assert sum(refused[:5]) > sum(refused[5:10])
    # Without a limit there are 450 in each tenth of a second.
    assert sum(refused[5:]) < 15 * 30


@pytest.mark.parametrize("slow_share", [0.2, 0.5, 0.9])
def test_429_of_many_recipients_that_do_not_read_leave_the_rate(
    rate_limit: ModuleType, clock: Clock, slow_share: float
) -> None:
    """A lower rate does not make them read: it is tried once, and restored."""
    limit = rate_limit.RateLimit(5000)
    random = Random(1)
    begin, calls = clock.now, 10_000
    for _ in range(calls):
        clock.now += max(1 / 5000, limit.reserve())
        (limit.on_throttled if random.random() < slow_share else limit.on_accepted)()
    assert clock.now - begin < 2 * calls / 5000
    # The account's quota is used up too: then the rate falls.
    begin = clock.now
    for _ in range(500):
        clock.now += max(1 / 5000, limit.reserve())
        limit.on_throttled()
    if slow_share < 0.9:
        assert clock.now - begin > 3 * 500 / 5000


def test_a_few_429_among_accepted_calls_leave_the_rate(
    rate_limit: ModuleType, clock: Clock
) -> None:
    """A member that does not read gets 429. It must not slow down a fan-out to thousands."""
    limit = rate_limit.RateLimit(1000)
    answer(limit, clock, accepted=5000, throttled=100, seconds=5)
    assert rate(limit, clock) == pytest.approx(1000)


def test_429_after_a_time_of_accepted_calls_lower_the_rate(
    rate_limit: ModuleType, clock: Clock
) -> None:
    limit = rate_limit.RateLimit(1000)
    answer(limit, clock, accepted=5000, throttled=100, seconds=5)
    answer(limit, clock, accepted=0, throttled=100, seconds=1)
    assert rate(limit, clock) == pytest.approx(50)


def test_several_429_at_once_lower_the_rate_once(rate_limit: ModuleType, clock: Clock) -> None:
    limit = rate_limit.RateLimit(1000)
    answer(limit, clock, accepted=0, throttled=100, seconds=0.105)
    lowered = rate(limit, clock)
    answer(limit, clock, accepted=0, throttled=20, seconds=0.01)
    assert rate(limit, clock) == pytest.approx(lowered) == pytest.approx(125, rel=0.1)


def test_429_with_a_small_limit_does_not_raise_the_rate(
    rate_limit: ModuleType, clock: Clock
) -> None:
    limit = rate_limit.RateLimit(10)
    answer(limit, clock, accepted=0, throttled=100, seconds=1)
    assert rate(limit, clock) <= 10.001


def test_unlimited_rate_is_lowered_by_429(rate_limit: ModuleType, clock: Clock) -> None:
    limit = rate_limit.RateLimit(float("inf"))
    answer(limit, clock, accepted=0, throttled=100, seconds=0.2)
    assert rate(limit, clock) < 1000


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
    # Some 300 on a quiet machine, 900 on a busy one. Without a rate limit there are 2,200.
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

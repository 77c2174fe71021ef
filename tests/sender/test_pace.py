"""How fast a fan-out sends: within the quota, and not one behind the other."""

import time
from pathlib import Path

from tests.certificates import Certificate
from tests.sender.checks import at, check, names, trusting, wait_for
from tests.sender.sender import Sending, sending
from tests.sender.standin import Answer, Post, StandIn, error


def test_a_burst_of_throttling_loses_nobody(sender: Sending, standin: StandIn) -> None:
    """The account's quota is used up: whoever comes is refused, half without a type."""
    refusals = iter([error(429, "LimitExceededException"), error(429)] * 100)
    standin.gate = lambda post: next(refusals, None)
    ids = names(200)
    result = sender.send(at(standin, ids), seconds=15)
    check(result, ids, standin)
    assert result.counts["delivered"] == len(ids), result


def test_a_quota_slows_down_all_together(sender: Sending, standin: StandIn) -> None:
    """500 a second are let through, and 50 at once; knocking on makes it no more."""
    tokens, then = 50.0, time.monotonic()

    def gate(post: Post) -> Answer | None:
        nonlocal tokens, then
        now = time.monotonic()
        tokens, then = min(50, tokens + (now - then) * 500), now
        if tokens < 1:
            return error(429, "LimitExceededException")
        tokens -= 1
        return None

    standin.gate = gate
    ids = names(800)
    result = sender.send(at(standin, ids), seconds=30)
    check(result, ids, standin)
    assert result.counts["delivered"] == len(ids), result
    assert standin.statuses(429).total() < len(ids)


def test_a_small_broadcast_is_not_stuck_behind_a_large_one(
    sender: Sending, standin: StandIn
) -> None:
    standin.latency = 0.01
    large = sender.start(at(standin, names(5000)), seconds=60)
    wait_for(lambda: len(standin.answered) > 100)
    small = sender.start(at(standin, names(10)), seconds=60)
    assert sender.next()[:2] == (small, {"delivered": 10, "gone": 0, "failed": 0, "untried": 0})
    assert len(standin.answered) < 2500
    assert large < small


def test_no_more_is_sent_a_second_than_is_allowed(
    app: Path, certificate: Certificate, standin: StandIn, tmp_path: Path
) -> None:
    environment = trusting(certificate, FANOUT_RPS="50")
    with sending(app, tmp_path / "log", **environment) as sender:
        ids = names(1000)
        begin = time.monotonic()
        result = sender.send(at(standin, ids), seconds=2)
        taken = time.monotonic() - begin
    check(result, ids, standin)
    assert 0 < len(standin.answered) <= 50 * (taken + 1)  # a second's worth at once, at most
    assert result.counts["untried"] > 500


def test_without_a_limit(
    app: Path, certificate: Certificate, standin: StandIn, tmp_path: Path
) -> None:
    with sending(app, tmp_path / "log", **trusting(certificate, FANOUT_RPS="0")) as sender:
        assert sender.send(at(standin, names(50))).counts["delivered"] == 50

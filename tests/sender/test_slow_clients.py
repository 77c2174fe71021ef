"""Recipients that do not read: API Gateway answers 429 for them, and 200 for the others."""

import random
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.certificates import Certificate
from tests.sender.fake_api import GONE, FakeApi, Post, Reply, Script, error
from tests.sender.process import SenderProcess, run_sender
from tests.sender.support import assert_consistent, environment, new_ids, recipients

pytestmark = pytest.mark.full

FULL = error(429, "LimitExceededException", "the client does not read")

# A recipient is tried no more often: each wait but the first few is up to two seconds.
MAX_TRIES = 25

# The sender gives no client up before. Its own value is a few seconds.
THROTTLED_SECONDS = 0.5

# A connection that does not exist.
NO_CONNECTION = "AAAAAAAAAAAAAAA="


@pytest.fixture
def sender(
    app: Path, certificate: Certificate, tmp_path: Path, api: FakeApi
) -> Iterator[SenderProcess]:
    """A sender process that gives up clients early. The API knows which connections exist."""
    api.scripts[NO_CONNECTION] = Script(last=GONE)
    variables = environment(certificate, MAX_THROTTLED_SECONDS=str(THROTTLED_SECONDS))
    with run_sender(app, tmp_path / "log", **variables) as each:
        yield each


def order(position: str, slow: list[str], others: list[str]) -> list[str]:
    """Return all recipients, with the slow ones first, last, or among the others."""
    if position == "mixed":
        return random.Random(1).sample([*slow, *others], len(slow) + len(others))
    return [*slow, *others] if position == "first" else [*others, *slow]


@pytest.mark.parametrize("position", ["first", "mixed", "last"])
@pytest.mark.parametrize("slow_count", [1, 20, 100])
def test_slow_recipients_fail_after_a_few_tries_and_the_others_are_reached(
    sender: SenderProcess, api: FakeApi, slow_count: int, position: str
) -> None:
    slow, others = new_ids(slow_count), new_ids(20)
    for each in slow:
        api.scripts[each] = Script(last=FULL)
    ids = order(position, slow, others)
    # The deadline is ten minutes away: the sender gives up long before it.
    result = sender.send(recipients(api, ids))
    assert_consistent(result, ids, api)
    assert result.counts == {"delivered": 20, "gone": 0, "failed": slow_count, "untried": 0}
    assert max(api.statuses(429).values()) <= MAX_TRIES
    assert f"connection {slow[0]}: not delivered: 429" in sender.log


def test_slow_recipient_is_tried_once_in_the_next_fan_out_until_it_reads(
    sender: SenderProcess, api: FakeApi
) -> None:
    (slow,), others = new_ids(1), new_ids(20)
    api.scripts[slow] = Script(last=FULL)
    assert sender.send(recipients(api, [slow, *others])).counts["failed"] == 1
    tries = api.statuses(429)[slow]
    assert sender.send(recipients(api, [slow, *others])).counts["failed"] == 1
    assert api.statuses(429)[slow] == tries + 1
    api.scripts[slow] = Script()
    assert sender.send(recipients(api, [slow, *others])).counts["delivered"] == 21
    # It is no slow one any more: a 429 is retried.
    api.scripts[slow] = Script([FULL])
    assert sender.send(recipients(api, [slow, *others])).counts["delivered"] == 21


def test_others_do_not_wait_for_slow_recipients(sender: SenderProcess, api: FakeApi) -> None:
    """The slow recipients are more than the connections."""
    slow, others = new_ids(300), new_ids(300)
    for each in slow:
        api.scripts[each] = Script(last=FULL)
    result = sender.send(recipients(api, [*slow, *others]))
    assert_consistent(result, [*slow, *others], api)
    assert (result.counts["delivered"], result.counts["failed"]) == (300, 300)
    statuses = [each.status for each in api.answered]
    last_delivered = len(statuses) - statuses[::-1].index(200)
    # Most of the tries for slow recipients come later.
    assert statuses[:last_delivered].count(429) < statuses.count(429) / 2 + 300


def test_slow_recipient_in_a_large_fan_out_does_not_lower_the_rate(
    sender: SenderProcess, api: FakeApi
) -> None:
    slow, others = new_ids(10), new_ids(2000)
    for each in slow:
        api.scripts[each] = Script(last=FULL)
    ids = [each for n in range(10) for each in (slow[n], *others[n * 200 : (n + 1) * 200])]
    result = sender.send(recipients(api, ids))
    assert_consistent(result, ids, api)
    assert (result.counts["delivered"], result.counts["failed"]) == (2000, 10)
    assert max(api.statuses(429).values()) <= MAX_TRIES


def test_slow_recipients_within_the_quota_lose_no_other(
    sender: SenderProcess, api: FakeApi
) -> None:
    slow, others = new_ids(20), new_ids(600)
    tokens, refilled_at = 20.0, time.monotonic()

    def allow_300_a_second(post: Post) -> Reply | None:
        nonlocal tokens, refilled_at
        now = time.monotonic()
        tokens, refilled_at = min(20, tokens + (now - refilled_at) * 300), now
        if tokens < 1 or post.connection_id in slow:
            return FULL
        tokens -= 1
        return None

    api.override = allow_300_a_second
    ids = order("mixed", slow, others)
    result = sender.send(recipients(api, ids))
    assert_consistent(result, ids, api)
    assert (result.counts["delivered"], result.counts["failed"]) == (600, 20)


@pytest.mark.parametrize(("size", "accepted"), [(3, 0), (300, 0), (300, 290)])
def test_quota_that_is_used_up_for_seconds_loses_nobody(
    sender: SenderProcess, api: FakeApi, size: int, accepted: int
) -> None:
    """API Gateway refuses all calls for some time, after it has accepted some."""
    calls, ends_at = count(), time.monotonic() + 3600

    def refuse_all(post: Post) -> Reply | None:
        nonlocal ends_at
        if next(calls) < accepted:
            return None
        ends_at = min(ends_at, time.monotonic() + 3 * THROTTLED_SECONDS)
        return FULL if time.monotonic() < ends_at else None

    api.override = refuse_all
    ids = new_ids(size)
    result = sender.send(recipients(api, ids))
    assert_consistent(result, ids, api)
    assert result.counts["delivered"] == size, result
    # The sender slows down: 50 calls a second, after half a second.
    assert api.statuses(429).total() < 10 * size


def test_recipients_that_were_only_refused_are_untried_at_the_deadline(
    sender: SenderProcess, api: FakeApi
) -> None:
    """API Gateway took no attempt, so that the queue may send to them again."""
    api.override = lambda post: FULL
    ids = new_ids(200)
    result = sender.send(recipients(api, ids), seconds=4 * THROTTLED_SECONDS)
    assert_consistent(result, ids, api)
    assert result.counts["delivered"] == 0
    # An attempt that the deadline cancels may have delivered.
    assert result.counts["untried"] > result.counts["failed"]


@pytest.mark.parametrize("accepted", [150, 298])
def test_recipients_after_the_end_of_the_quota_are_untried_not_slow(
    sender: SenderProcess, api: FakeApi, accepted: int
) -> None:
    """The quota ends during the fan-out, and stays used up until the deadline."""
    calls, ids = count(), new_ids(300)
    api.override = lambda post: None if next(calls) < accepted else FULL
    result = sender.send(recipients(api, ids), seconds=5 * THROTTLED_SECONDS)
    assert_consistent(result, ids, api)
    # A busy machine may reach fewer of them before the deadline.
    assert result.counts["delivered"] <= accepted
    # None is given up. The deadline cancels attempts, which may have delivered: these are failed.
    assert "not delivered" not in sender.log

"""Ranges of a large channel: their slices, the deadline, and members that fail."""

import os
import time
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib import aws, sender
from chalicelib.delivery import members, queue
from chalicelib.sender import retry
from tests.support.queue import LambdaPoller, add_members, join_many, received_counts

# The members of a large channel. The template's tests set it to thousands.
MEMBERS = int(os.environ.get("QUEUE_TEST_MEMBERS", "300"))


def test_range_without_time_left_continues_in_the_next_run(
    scaled: LambdaPoller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each worker has time for one slice only."""
    late, work = [0], queue.process_batch

    def send(*arguments: Any) -> Any:
        late[0] = aws.RESERVE_SECONDS + 29
        return members.send_to(*arguments)

    def be_early(*arguments: Any) -> Any:
        late[0] = 0
        return work(*arguments)

    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + late[0], sleep=time.sleep)
    monkeypatch.setattr(queue, "time", clock)
    monkeypatch.setattr(queue, "send_to", send)
    monkeypatch.setattr(queue, "process_batch", be_early)
    monkeypatch.setattr(queue, "SLICE_MEMBERS", 2)
    clients = join_many(scaled.api, 6)
    clients[0].request("broadcast", channel="tea", data=1)
    scaled.run()
    assert received_counts(clients) == [1] * 6
    # One to split, two of three members each, and the rest of both.
    assert len(scaled.ranges) == 1 + 2 + 2


def test_member_that_does_not_read_has_no_range_sent_again(
    scaled: LambdaPoller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """API Gateway answers 429 for one member, and 200 for the others."""
    monkeypatch.setenv("FANOUT_LIMIT", str(MEMBERS * 6 // 10))
    monkeypatch.setenv("FANOUT_RPS", "0")
    monkeypatch.setattr(queue, "SLICE_MEMBERS", MEMBERS // 3)
    monkeypatch.setattr(retry, "MAX_THROTTLED_SECONDS", 0.1)
    ids = add_members(scaled.api, MEMBERS)
    slow = ids[MEMBERS // 6]
    scaled.api.refusals[slow] = (429, "LimitExceededException")
    (client,) = join_many(scaled.api, 1)
    client.request("broadcast", channel="tea", data=1)
    scaled.run()
    assert received_counts([client]) == [1]
    counts = {each: len(scaled.api.inboxes[each]) for each in ids}
    assert counts.pop(slow) == 0
    assert set(counts.values()) == {1}
    # One task to split, and one for each half.
    assert len(scaled.ranges) == 1 + 2


def test_range_continues_after_the_deadline_with_untried_members_alone(
    scaled: LambdaPoller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deadline of each run comes after two members, not the first ones."""
    monkeypatch.setenv("FANOUT_LIMIT", "6")
    failing = 3

    def deliver(payload: bytes, recipients: Iterable[Any], deadline: float) -> Any:
        all_recipients = list(recipients)
        tried = all_recipients[1:3] or all_recipients
        outcome = sender.send(payload, tried, deadline)
        outcome.untried += [each for each, _ in all_recipients if (each, _) not in tried]
        return outcome

    monkeypatch.setattr(members, "send", deliver)
    ids = add_members(scaled.api, 13)
    scaled.api.refusals[ids[failing]] = (400, "BadRequestException")
    (client,) = join_many(scaled.api, 1)
    client.request("broadcast", channel="tea", data=1)
    scaled.run()
    assert received_counts([client]) == [1]
    counts = [len(scaled.api.inboxes[each]) for each in ids]
    assert counts.pop(failing) == 0
    assert counts == [1] * 12


def test_worker_keeps_the_rate_limit_across_slices(
    scaled: LambdaPoller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each slice is a fan-out of its own, and may begin with a burst."""
    waits: list[float] = []
    now = time.monotonic()
    clock = SimpleNamespace(monotonic=lambda: now, sleep=waits.append)
    monkeypatch.setattr(queue, "time", clock)
    monkeypatch.setattr(queue, "SLICE_MEMBERS", 2)
    monkeypatch.setenv("FANOUT_RPS", "10")
    clients = join_many(scaled.api, 4)
    clients[0].request("broadcast", channel="tea", data=1)
    scaled.run()
    assert received_counts(clients) == [1] * 4
    # A range of three members, and a range of one.
    assert waits == pytest.approx([0.2, 0.1, 0.1])


def test_gone_members_without_time_left_are_not_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    removed: list[str] = []
    monkeypatch.setattr(members, "send", lambda *_: sender.Outcome(gone=["c1"]))
    monkeypatch.setattr(members, "remove_gone", lambda ids, *_: removed.extend(ids))
    for late_seconds, expected in ((members.REMOVAL_SECONDS + 1, []), (-60, ["c1"])):
        invocation = aws.Invocation(time.monotonic() - late_seconds, "https://x")
        members.send_to("tea", b"x", ["c1"], invocation)
        assert removed == expected

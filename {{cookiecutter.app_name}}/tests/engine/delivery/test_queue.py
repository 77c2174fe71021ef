"""Delivery to large channels through the queue. If a worker fails, no member misses a message."""

import itertools
import json
import os
import time
from collections.abc import Iterable
from typing import Any

import pytest

from chalicelib import aws, sender
from chalicelib.delivery import members, pushes, queue
from chalicelib.protocol import frames
from chalicelib.storage import channels, table
from chalicelib.storage.table import Range
from tests.client import Api
from tests.conftest import age
from tests.support.examples import some
from tests.support.queue import LambdaPoller, join_many, received_counts


@pytest.mark.parametrize(
    ("size", "shards"),
    some([(n, shards) for n in (3, 4, 6, 7, 9, 10, 25) for shards in ("1", "3")], 6),
)
def test_each_member_gets_the_message_once(
    scaled: LambdaPoller, monkeypatch: pytest.MonkeyPatch, size: int, shards: str
) -> None:
    monkeypatch.setenv("CHANNEL_SHARDS", shards)
    clients = join_many(scaled.api, size)
    sent = clients[0].request("broadcast", channel="tea", data=1)
    assert sent["type"] == "sent"
    if size > 3:
        assert [client.waiting() for client in clients] == [0] * size
    scaled.run()
    assert received_counts(clients) == [1] * size
    assert bool(scaled.ranges) == (size > 3)


def test_client_that_joins_during_a_split_is_in_one_range(scaled: LambdaPoller) -> None:
    """The ranges have no gap between them, and do not overlap."""
    join_many(scaled.api, 10)
    ids = sorted(channels.member_ids("tea"))
    queue.enqueue({"type": "message", "channel": "tea"}, "http://127.0.0.1:1", [])
    (message,) = scaled.take()
    scaled.api.run("fanout", {"Records": [{"messageId": "m", "body": message["Body"]}]})
    ranges = [Range(*json.loads(each["Body"])["range"]) for _ in range(4) for each in scaled.take()]
    assert len(ranges) == 4
    # Just before, at and just after each boundary, and at both ends.
    late = ["!", "zzzz", *(each + "-" for each in ids), *(each[:-1] + "<" for each in ids)]
    for connection_id in late:
        row = table.key("tea", connection_id)
        table.call("put_item", Item={**row, "expires_at": {"N": "9999999999"}})
    found = [each for id_range in ranges for each in channels.member_ids("tea", id_range)]
    assert sorted(found) == sorted([*ids, *late])


@pytest.mark.parametrize(
    ("after", "end"),
    some([(n, end) for n in (0, 1, 5, 9) for end in (KeyboardInterrupt, RuntimeError)], 4),
)
def test_worker_that_fails_during_sending_leaves_no_member_out(
    scaled: LambdaPoller, monkeypatch: pytest.MonkeyPatch, after: int, end: type[BaseException]
) -> None:
    """The worker fails once, after `after` members. A repeated message keeps its message_id."""
    clients = join_many(scaled.api, 10)
    sent, ended = 0, False

    def deliver(payload: bytes, recipients: Iterable[Any], deadline: float) -> Any:
        nonlocal sent, ended
        all_recipients = list(recipients)
        some = all_recipients if ended else all_recipients[: after - sent]
        outcome = sender.send(payload, some, deadline)
        sent += len(some)
        if len(some) < len(all_recipients):
            ended = True
            raise end
        return outcome

    monkeypatch.setattr(members, "send", deliver)
    clients[0].request("broadcast", channel="tea", data=1)
    scaled.run()
    assert ended
    counts = received_counts(clients)
    assert min(counts) == 1
    assert sum(counts) == sent


def test_worker_that_fails_during_a_split_leaves_no_member_out(scaled: LambdaPoller) -> None:
    # 14 ranges: more than one request takes.
    clients = join_many(scaled.api, 40)
    clients[0].request("broadcast", channel="tea", data=1)
    ends = iter([KeyboardInterrupt])

    def end(**_: Any) -> None:
        for each in ends:
            raise each

    events, name = queue.sqs().meta.events, "after-call.sqs.SendMessageBatch"
    events.register(name, end, unique_id="end")
    try:
        scaled.run()
    finally:
        events.unregister(name, unique_id="end")
    counts = received_counts(clients)
    assert min(counts) == 1
    assert max(counts) == 2


@pytest.mark.parametrize("rps", ["0", "5000"])
def test_fanout_with_or_without_rate_limit_sends_each_range_once(
    scaled: LambdaPoller, monkeypatch: pytest.MonkeyPatch, rps: str
) -> None:
    """FANOUT_RPS 0 is unlimited in the queue too, and no range is sent twice."""
    monkeypatch.setenv("FANOUT_RPS", rps)
    clients = join_many(scaled.api, 4)
    assert clients[0].request("broadcast", channel="tea", data=1)["type"] == "sent"
    scaled.run()
    assert [client.push()["data"] for client in clients] == [1] * 4
    assert [client.waiting() for client in clients] == [0] * 4


def test_task_that_always_fails_goes_to_the_dead_letter_queue(scaled: LambdaPoller) -> None:
    clients = join_many(scaled.api, 4)
    clients[0].request("broadcast", channel="tea", data=1)
    # Enough time to split, and none to send.
    scaled.run(seconds=aws.RESERVE_SECONDS)
    assert [each.after for each in scaled.ranges].count(" ") == 1 + 5
    assert received_counts(clients) == [0] * 4
    dead_letters = LambdaPoller(
        scaled.api, scaled.request["QueueUrl"].replace("FanoutQueue", "FanoutDeadLetters")
    )
    dead_letters.run()
    assert received_counts(clients) == [1] * 4


def test_messages_that_sqs_refuses_are_sent_again(scaled: LambdaPoller) -> None:
    clients = join_many(scaled.api, 40)
    clients[0].request("broadcast", channel="tea", data=1)
    refusals = iter([["0", "3"], ["0"]])

    def refuse(params: dict[str, Any], **_: Any) -> None:
        ids = next(refusals, [])
        failed[:] = [each for each in params["Entries"] if each["Id"] in ids]
        taken = [each for each in params["Entries"] if each["Id"] not in ids]
        # An empty request would be another error.
        params["Entries"] = taken or params["Entries"]

    def answer(parsed: dict[str, Any], **_: Any) -> None:
        parsed["Failed"] = [{"Id": each["Id"]} for each in failed]

    failed: list[Any] = []
    events, operation = queue.sqs().meta.events, "sqs.SendMessageBatch"
    events.register(f"before-parameter-build.{operation}", refuse, unique_id="in")
    events.register(f"after-call.{operation}", answer, unique_id="out")
    try:
        scaled.run()
        assert received_counts(clients) == [1] * 40
        refusals = itertools.repeat([str(n) for n in range(10)], 99)
        assert clients[0].request("broadcast", channel="tea", data=2)["code"] == "try_again"
    finally:
        events.unregister(f"before-parameter-build.{operation}", unique_id="in")
        events.unregister(f"after-call.{operation}", unique_id="out")


def test_notify_of_a_large_channel_returns_queued(
    scaled: LambdaPoller, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = join_many(scaled.api, 4)
    event = {"channel": "tea", "data": 1}
    outcome = scaled.api.run("notify", event)
    assert outcome.pop("message_id")
    assert outcome.pop("kept") is True
    assert outcome == {"delivered": 0, "gone": 0, "failed": 0, "untried": 0, "queued": 1}
    scaled.run()
    assert received_counts(clients) == [1] * 4
    monkeypatch.setenv("FANOUT_LIMIT", "4")
    outcome = scaled.api.run("notify", event)
    assert (outcome["delivered"], "queued" in outcome) == (4, False)


def test_presence_through_the_queue_excludes_its_subject(scaled: LambdaPoller) -> None:
    *others, newcomer = [*join_many(scaled.api, 4), scaled.api.connect()]
    newcomer.request("join", channel="tea")
    scaled.run()
    assert [client.push()["event"] for client in others] == ["joined"] * 4
    assert newcomer.waiting() == 0
    newcomer.disconnect()
    scaled.run()
    assert [client.push()["event"] for client in others] == ["left"] * 4


def test_queue_worker_removes_connections_that_are_gone(scaled: LambdaPoller) -> None:
    clients = join_many(scaled.api, 5)
    age(clients[4])
    clients[4].vanish()
    clients[0].request("broadcast", channel="tea", data=1)
    scaled.run()
    assert received_counts(clients[:4]) == [1] * 4
    assert len(list(channels.member_ids("tea"))) == 4


@pytest.mark.parametrize("letter", ["a", "ä", "\uffff", "\ud800", "\x01"])
def test_longest_message_fits_into_the_queue(scaled: LambdaPoller, letter: str) -> None:
    """Any message that a function may send directly may go through the queue."""
    clients = join_many(scaled.api, 4)

    def size(text: str) -> int:
        return len(frames.encode({**push, "data": text}).encode())

    push = pushes.new_message("tea", "")
    push["data"] = letter * ((frames.MAX_PUSH_BYTES - size("")) // (size(letter) - size("")))
    endpoint = os.environ["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"]
    pushes.publish(push, aws.Invocation(time.monotonic() + 20, endpoint))
    scaled.run()
    assert [client.push() for client in clients] == [push] * 4


def test_app_without_fanout_limit_makes_no_sqs_client(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise AssertionError("an SQS client is made")

    monkeypatch.setattr(queue, "sqs", refuse)
    clients = join_many(api, 4)
    clients[0].request("broadcast", channel="tea", data=1)
    assert received_counts(clients) == [1] * 4


@pytest.mark.parametrize("setting", ["0", "many", "", "-1", "5e3"])
def test_invalid_fanout_limit_is_named_in_the_error(
    api: Api, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv("FANOUT_LIMIT", setting)
    with pytest.raises(ValueError, match=r"FANOUT_LIMIT .*\(got '.*'\); use "):
        api.run("notify", {"channel": "tea", "data": 1})


def test_fanout_limit_without_queue_is_named_in_the_error(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FANOUT_LIMIT", "1")
    join_many(api, 2)
    with pytest.raises(ValueError, match=r"FANOUT_QUEUE .*; use resources/scale\.json"):
        api.run("notify", {"channel": "tea", "data": 1})

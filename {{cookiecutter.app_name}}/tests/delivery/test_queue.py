"""Delivery to large channels through the queue. If a worker fails, no member misses a message."""

import itertools
import json
import os
import time
from collections import deque
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from chalice_ws.local import services
from chalice_ws.project.config import read_config
from chalice_ws.project.resources import Resources
from chalicelib import aws, sender, settings
from chalicelib.delivery import members, pushes, queue
from chalicelib.protocol import frames
from chalicelib.sender import retry
from chalicelib.storage import channels, connections, table
from chalicelib.storage.table import Range
from tests.client import Api, Client
from tests.conftest import PROJECT, age

# The members of a large channel. The template's tests set it to thousands.
MEMBERS = int(os.environ.get("QUEUE_TEST_MEMBERS", "300"))


class LambdaPoller:
    """A poller that runs the fanout function for one message of the queue after the other."""

    def __init__(self, api: Api, url: str) -> None:
        self.api = api
        self.request = {"QueueUrl": url}
        self.ranges: list[Range] = []

    def take(self) -> list[dict[str, Any]]:
        """Return the next message of the queue, or none."""
        found = queue.sqs().receive_message(**self.request, MaxNumberOfMessages=1)
        return list(found.get("Messages", []))

    def run(self, seconds: float = 29) -> None:
        """Run the worker until the queue is empty. A task that fails comes again."""
        while messages := self.take():
            for message in messages:
                self.ranges.append(Range(*json.loads(message["Body"])["range"]))
                record = {"messageId": message["MessageId"], "body": message["Body"]}
                try:
                    answer = self.api.run("fanout", {"Records": [record]}, seconds)
                except KeyboardInterrupt:
                    # The worker was killed.
                    answer = {"batchItemFailures": [{"itemIdentifier": message["MessageId"]}]}
                receipt = {**self.request, "ReceiptHandle": message["ReceiptHandle"]}
                if answer == {"batchItemFailures": []}:
                    queue.sqs().delete_message(**receipt)
                else:
                    assert answer["batchItemFailures"][0]["itemIdentifier"] == message["MessageId"]
                    queue.sqs().change_message_visibility(**receipt, VisibilityTimeout=0)


@pytest.fixture
def scaled(api: Api, monkeypatch: pytest.MonkeyPatch) -> LambdaPoller:
    """The app with its queue. One function sends to three members at most."""
    monkeypatch.setenv("FANOUT_LIMIT", "3")
    stack = f"{read_config(PROJECT, 'dev').app_name}-dev"
    template = Resources([PROJECT / "resources.json", PROJECT / "resources/scale.json"], stack)
    services.create_queues(template.queues())
    (source,) = template.sources()
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    variables = template.variables("WebsocketMessage")
    assert variables == template.variables("Notify") == template.variables("Fanout")
    monkeypatch.setenv("FANOUT_QUEUE", variables["FANOUT_QUEUE"])
    return LambdaPoller(api, source["QueueUrl"])


def join_many(api: Api, size: int) -> list[Client]:
    clients = [api.connect() for _ in range(size)]
    for client in clients:
        connections.join(connections.get(client.connection_id), "tea")
    return clients


def received_counts(clients: list[Client]) -> list[int]:
    """Return how often each client received the one message that was sent."""
    pushes = [[client.push() for _ in range(client.waiting())] for client in clients]
    assert len({push["message_id"] for each in pushes for push in each}) <= 1
    return [len(each) for each in pushes]


@pytest.mark.parametrize("shards", ["1", "3"])
@pytest.mark.parametrize("size", [3, 4, 6, 7, 9, 10, 25])
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
    ids = sorted(channels.members("tea"))
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
    found = [each for id_range in ranges for each in channels.members("tea", id_range)]
    assert sorted(found) == sorted([*ids, *late])


@pytest.mark.parametrize("end", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("after", [0, 1, 5, 9])
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


def add_members(api: Api, size: int) -> list[str]:
    """Add members to the channel tea without their handshakes; return their ids, in order."""
    ids = [f"{number:015}=" for number in range(size)]
    for batch in table.batches(ids, 25):
        rows = [{**table.key("tea", each), "expires_at": {"N": "9999999999"}} for each in batch]
        requests = [{"PutRequest": {"Item": row}} for row in rows]
        table.call("batch_write_item", RequestItems={settings.connections_table(): requests})
    for each in ids:
        api.inboxes[each] = deque()
    return ids


def test_member_that_does_not_read_has_no_range_sent_again(
    scaled: LambdaPoller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """API Gateway answers 429 for one member, and 200 for the others."""
    monkeypatch.setenv("FANOUT_LIMIT", str(MEMBERS * 6 // 10))
    monkeypatch.setenv("FANOUT_RPS", "0")
    monkeypatch.setattr(queue, "SLICE_MEMBERS", MEMBERS // 3)
    monkeypatch.setattr(retry, "MAX_THROTTLED_SECONDS", 0.5)
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
    """In each run of the function, the deadline comes after two members, not the first ones."""
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
    assert len(list(channels.members("tea"))) == 4


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

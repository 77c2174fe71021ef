"""A channel that is too large for one function: whatever becomes of a worker, nobody is lost."""

import itertools
import json
import os
import time
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest

from chalice_ws.local import services
from chalice_ws.project.config import read_config
from chalice_ws.project.resources import Resources
from chalicelib import aws
from chalicelib import sender as fanout
from chalicelib.delivery import members as delivery
from chalicelib.delivery import publish as broadcast
from chalicelib.delivery import queue as scale
from chalicelib.protocol import frames
from chalicelib.storage import connections, table
from chalicelib.storage.table import Range
from tests.client import Api, Client
from tests.conftest import PROJECT


class Queue:
    """What Lambda does with the queue, one message after the other."""

    def __init__(self, api: Api, url: str) -> None:
        self.api = api
        self.request = {"QueueUrl": url}
        self.parts: list[Range] = []

    def take(self) -> list[dict[str, Any]]:
        """The messages that are there, hidden for a second or until they are put back."""
        found = scale.sqs().receive_message(**self.request, MaxNumberOfMessages=1)
        return list(found.get("Messages", []))

    def run(self, seconds: float = 29) -> None:
        """Run the worker until nothing is left; what fails comes again."""
        while messages := self.take():
            for message in messages:
                self.parts.append(Range(*json.loads(message["Body"])["range"]))
                record = {"messageId": message["MessageId"], "body": message["Body"]}
                try:
                    answer = self.api.run("fanout", {"Records": [record]}, seconds)
                except KeyboardInterrupt:  # the worker is killed
                    answer = {"batchItemFailures": [{"itemIdentifier": message["MessageId"]}]}
                receipt = {**self.request, "ReceiptHandle": message["ReceiptHandle"]}
                if answer == {"batchItemFailures": []}:
                    scale.sqs().delete_message(**receipt)
                else:
                    assert answer["batchItemFailures"][0]["itemIdentifier"] == message["MessageId"]
                    scale.sqs().change_message_visibility(**receipt, VisibilityTimeout=0)


@pytest.fixture
def scaled(api: Api, monkeypatch: pytest.MonkeyPatch) -> Queue:
    """The app with its queue, and three as the most that one function sends to."""
    monkeypatch.setenv("FANOUT_LIMIT", "3")
    stack = f"{read_config(PROJECT, 'dev').app_name}-dev"
    template = Resources([PROJECT / "resources.json", PROJECT / "resources/scale.json"], stack)
    services.create_queues(template.queues())
    (source,) = template.sources()
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    variables = template.variables("WebsocketMessage")
    assert variables == template.variables("Notify") == template.variables("Fanout")
    monkeypatch.setenv("FANOUT_QUEUE", variables["FANOUT_QUEUE"])
    return Queue(api, source["QueueUrl"])


def crowd(api: Api, size: int) -> list[Client]:
    clients = [api.connect() for _ in range(size)]
    for client in clients:
        connections.join(connections.get(client.connection_id), "tea")
    return clients


def heard(clients: list[Client]) -> list[int]:
    """How often each heard of the one message that was sent."""
    pushes = [[client.push() for _ in range(client.waiting())] for client in clients]
    assert len({push["message_id"] for each in pushes for push in each}) <= 1
    return [len(each) for each in pushes]


@pytest.mark.parametrize("shards", ["1", "3"])
@pytest.mark.parametrize("size", [3, 4, 6, 7, 9, 10, 25])
def test_everybody_hears_it_once(
    scaled: Queue, monkeypatch: pytest.MonkeyPatch, size: int, shards: str
) -> None:
    monkeypatch.setenv("CHANNEL_SHARDS", shards)
    clients = crowd(scaled.api, size)
    sent = clients[0].request("broadcast", channel="tea", data=1)
    assert sent["type"] == "sent"
    if size > 3:
        assert [client.waiting() for client in clients] == [0] * size
    scaled.run()
    assert heard(clients) == [1] * size
    assert bool(scaled.parts) == (size > 3)


def test_who_joins_while_it_is_cut_is_in_one_piece(scaled: Queue) -> None:
    """The pieces leave no gap between them, and do not overlap."""
    crowd(scaled.api, 10)
    ids = sorted(connections.members("tea"))
    scale.enqueue({"type": "message", "channel": "tea"}, "http://127.0.0.1:1", None)
    (message,) = scaled.take()
    scaled.api.run("fanout", {"Records": [{"messageId": "m", "body": message["Body"]}]})
    pieces = [Range(*json.loads(each["Body"])["range"]) for _ in range(4) for each in scaled.take()]
    assert len(pieces) == 4
    # Just before, at and just after each boundary, and at both ends.
    late = ["!", "zzzz", *(each + "-" for each in ids), *(each[:-1] + "<" for each in ids)]
    for connection_id in late:
        row = table.key("tea", connection_id)
        table.call("put_item", Item={**row, "expires_at": {"N": "9999999999"}})
    found = [each for piece in pieces for each in connections.members("tea", piece)]
    assert sorted(found) == sorted([*ids, *late])


@pytest.mark.parametrize("end", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("after", [0, 1, 5, 9])
def test_a_worker_that_ends_while_it_sends_loses_nobody(
    scaled: Queue, monkeypatch: pytest.MonkeyPatch, after: int, end: type[BaseException]
) -> None:
    """Killed or failed, once, when it has sent to so many; doubles have the same message_id."""
    clients = crowd(scaled.api, 10)
    sent, ended = 0, False

    def deliver(payload: bytes, recipients: Iterable[Any], deadline: float) -> Any:
        nonlocal sent, ended
        everybody = list(recipients)
        some = everybody if ended else everybody[: after - sent]
        outcome = fanout.send(payload, some, deadline)
        sent += len(some)
        if len(some) < len(everybody):
            ended = True
            raise end
        return outcome

    monkeypatch.setattr(delivery, "send", deliver)
    clients[0].request("broadcast", channel="tea", data=1)
    scaled.run()
    assert ended
    counts = heard(clients)
    assert min(counts) == 1
    assert sum(counts) == sent


def test_a_worker_that_ends_while_it_cuts_loses_nobody(scaled: Queue) -> None:
    clients = crowd(scaled.api, 40)  # 14 pieces, which are more than one request takes
    clients[0].request("broadcast", channel="tea", data=1)
    ends = iter([KeyboardInterrupt])

    def end(**_: Any) -> None:
        for each in ends:
            raise each

    events, name = scale.sqs().meta.events, "after-call.sqs.SendMessageBatch"
    events.register(name, end, unique_id="end")
    try:
        scaled.run()
    finally:
        events.unregister(name, unique_id="end")
    counts = heard(clients)
    assert min(counts) == 1
    assert max(counts) == 2


def test_what_there_is_no_time_for_goes_on_where_it_was(
    scaled: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each worker has time for one slice, and then it is late."""
    late, work = [0], scale.process_batch

    def send(*arguments: Any) -> Any:
        late[0] = aws.RESERVE_SECONDS + 29
        return delivery.send_to(*arguments)

    def be_early(*arguments: Any) -> Any:
        late[0] = 0
        return work(*arguments)

    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + late[0], sleep=time.sleep)
    monkeypatch.setattr(scale, "time", clock)
    monkeypatch.setattr(scale, "send_to", send)
    monkeypatch.setattr(scale, "process_batch", be_early)
    monkeypatch.setattr(scale, "SLICE_MEMBERS", 2)
    clients = crowd(scaled.api, 6)
    clients[0].request("broadcast", channel="tea", data=1)
    scaled.run()
    assert heard(clients) == [1] * 6
    assert len(scaled.parts) == 1 + 2 + 2  # to cut, of three each, and of what was left of those


@pytest.mark.parametrize("rps", ["0", "5000"])
def test_fanout_without_a_rate_limit_completes(
    scaled: Queue, monkeypatch: pytest.MonkeyPatch, rps: str
) -> None:
    """FANOUT_RPS 0 is unlimited in the queue too; no range is sent twice."""
    monkeypatch.setenv("FANOUT_RPS", rps)
    clients = crowd(scaled.api, 4)
    assert clients[0].request("broadcast", channel="tea", data=1)["type"] == "sent"
    scaled.run()
    assert [client.push()["data"] for client in clients] == [1] * 4
    assert [client.waiting() for client in clients] == [0] * 4


def test_a_worker_keeps_the_pace_from_slice_to_slice(
    scaled: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each slice is a fan-out of its own, which may begin with the burst of a second."""
    waits: list[float] = []
    stands_still = time.monotonic()
    clock = SimpleNamespace(monotonic=lambda: stands_still, sleep=waits.append)
    monkeypatch.setattr(scale, "time", clock)
    monkeypatch.setattr(scale, "SLICE_MEMBERS", 2)
    monkeypatch.setenv("FANOUT_RPS", "10")
    clients = crowd(scaled.api, 4)
    clients[0].request("broadcast", channel="tea", data=1)
    scaled.run()
    assert heard(clients) == [1] * 4
    assert waits == pytest.approx([0.2, 0.1, 0.1])  # a piece of three, and one of one


def test_what_never_succeeds_ends_in_the_dead_letters(scaled: Queue) -> None:
    clients = crowd(scaled.api, 4)
    clients[0].request("broadcast", channel="tea", data=1)
    scaled.run(seconds=aws.RESERVE_SECONDS)  # enough to cut, and none to send
    assert [each.after for each in scaled.parts].count(" ") == 1 + 5
    assert heard(clients) == [0] * 4
    dead = Queue(scaled.api, scaled.request["QueueUrl"].replace("FanoutQueue", "FanoutDeadLetters"))
    dead.run()
    assert heard(clients) == [1] * 4


def test_what_the_queue_did_not_take_is_given_again(scaled: Queue) -> None:
    clients = crowd(scaled.api, 40)
    clients[0].request("broadcast", channel="tea", data=1)
    refusals = iter([["0", "3"], ["0"]])

    def refuse(params: dict[str, Any], **_: Any) -> None:
        ids = next(refusals, [])
        failed[:] = [each for each in params["Entries"] if each["Id"] in ids]
        taken = [each for each in params["Entries"] if each["Id"] not in ids]
        params["Entries"] = taken or params["Entries"]  # an empty request is an error of its own

    def answer(parsed: dict[str, Any], **_: Any) -> None:
        parsed["Failed"] = [{"Id": each["Id"]} for each in failed]

    failed: list[Any] = []
    events, operation = scale.sqs().meta.events, "sqs.SendMessageBatch"
    events.register(f"before-parameter-build.{operation}", refuse, unique_id="in")
    events.register(f"after-call.{operation}", answer, unique_id="out")
    try:
        scaled.run()
        assert heard(clients) == [1] * 40
        refusals = itertools.repeat([str(n) for n in range(10)], 99)
        assert clients[0].request("broadcast", channel="tea", data=2)["code"] == "try_again"
    finally:
        events.unregister(f"before-parameter-build.{operation}", unique_id="in")
        events.unregister(f"after-call.{operation}", unique_id="out")


def test_notify_says_that_it_is_in_the_queue(
    scaled: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = crowd(scaled.api, 4)
    event = {"channel": "tea", "data": 1}
    outcome = scaled.api.run("notify", event)
    assert outcome.pop("message_id")
    assert outcome == {"delivered": 0, "gone": 0, "failed": 0, "untried": 0, "queued": 1}
    scaled.run()
    assert heard(clients) == [1] * 4
    monkeypatch.setenv("FANOUT_LIMIT", "4")
    outcome = scaled.api.run("notify", event)
    assert (outcome["delivered"], "queued" in outcome) == (4, False)


def test_presence_leaves_out_whom_it_is_about(scaled: Queue) -> None:
    *others, newcomer = [*crowd(scaled.api, 4), scaled.api.connect()]
    newcomer.request("join", channel="tea")
    scaled.run()
    assert [client.push()["event"] for client in others] == ["joined"] * 4
    assert newcomer.waiting() == 0
    newcomer.disconnect()
    scaled.run()
    assert [client.push()["event"] for client in others] == ["left"] * 4


def test_the_gone_are_forgotten(scaled: Queue) -> None:
    clients = crowd(scaled.api, 5)
    clients[4].vanish()
    clients[0].request("broadcast", channel="tea", data=1)
    scaled.run()
    assert heard(clients[:4]) == [1] * 4
    assert len(list(connections.members("tea"))) == 4


@pytest.mark.parametrize("letter", ["a", "ä", "\uffff", "\ud800", "\x01"])
def test_the_longest_message_fits(scaled: Queue, letter: str) -> None:
    """One that goes to a few directly goes to many by the queue."""
    clients = crowd(scaled.api, 4)

    def size(text: str) -> int:
        return len(frames.encode({**push, "data": text}).encode())

    push = broadcast.message("tea", "")
    push["data"] = letter * ((frames.MAX_PUSH_BYTES - size("")) // (size(letter) - size("")))
    endpoint = os.environ["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"]
    broadcast.publish(push, aws.Invocation(time.monotonic() + 20, endpoint))
    scaled.run()
    assert [client.push() for client in clients] == [push] * 4


def test_without_a_limit_there_is_no_queue(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise AssertionError("an SQS client is made")

    monkeypatch.setattr(scale, "sqs", refuse)
    clients = crowd(api, 4)
    clients[0].request("broadcast", channel="tea", data=1)
    assert heard(clients) == [1] * 4


@pytest.mark.parametrize("setting", ["0", "many", "", "-1", "5e3"])
def test_a_wrong_limit_is_named(api: Api, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    monkeypatch.setenv("FANOUT_LIMIT", setting)
    with pytest.raises(ValueError, match=r"FANOUT_LIMIT .*\(got '.*'\); use "):
        api.run("notify", {"channel": "tea", "data": 1})


def test_a_limit_without_a_queue_is_named(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FANOUT_LIMIT", "1")
    crowd(api, 2)
    with pytest.raises(ValueError, match=r"FANOUT_QUEUE .*; use resources/scale\.json"):
        api.run("notify", {"channel": "tea", "data": 1})

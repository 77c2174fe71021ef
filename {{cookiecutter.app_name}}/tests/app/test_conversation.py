"""The app in this process and behind the local gateway: the same frames through both."""

import itertools
import json
from collections.abc import Iterator

from tests.client import Api, Connection, Frame
from tests.support.asyncapi import FRAMES
from tests.support.local_server import LocalServer

REQUESTS = [
    (name, example["payload"])
    for name in FRAMES.replies
    for example in FRAMES.messages[name]["examples"]
]


def pushes_to(client: Connection) -> Iterator[Frame]:
    """Yield the pushes to a client, without end."""
    while True:
        yield client.push()


def test_conversation_of_three_clients(api_or_gateway: Api | LocalServer) -> None:
    ann, bob, carl = (api_or_gateway.connect(name=name) for name in ("Ann", "Bob", "Çarl"))
    assert "broadcast" in ann.request("help")["actions"]
    assert ann.request("echo", data="hello?") == {"type": "echo", "data": "hello?"}

    ann.request("join", channel="tea")
    bob.request("join", channel="tea")
    joined = ann.push()
    assert (joined["type"], joined["event"], joined["member"]["name"]) == (
        "presence",
        "joined",
        "Bob",
    )
    assert carl.request("broadcast", channel="tea", data=1)["code"] == "not_a_member"

    sent = bob.request("broadcast", channel="tea", data={"text": "tea?"}, nonce="b")
    assert sent["type"] == "sent"
    pushes = [ann.push(), bob.push()]
    assert pushes[0] == pushes[1]
    assert pushes[0]["message_id"] == sent["message_id"]
    assert pushes[0]["from"] == joined["member"]
    assert pushes[0]["data"] == {"text": "tea?"}

    members = carl.request("who", channel="tea")["members"]
    assert {member["name"] for member in members} == {"Ann", "Bob"}
    counts = {each["channel"]: each["members"] for each in carl.request("channels")["channels"]}
    assert counts == {"lobby": 3, "tea": 2}

    carl.request("broadcast", data="to all")
    assert [each.push()["data"] for each in (ann, bob, carl)] == ["to all"] * 3

    carl.send("not json")
    assert carl.receive()["code"] == "bad_json"

    ann.request("leave", channel="tea")
    assert bob.push()["event"] == "left"
    ann.request("join", channel="tea")
    assert bob.push()["event"] == "joined"
    bob.disconnect()
    left = ann.push()
    assert (left["event"], left["member"]["name"]) == ("left", "Bob")
    members = ann.request("who", channel="tea")["members"]
    assert {member["name"] for member in members} == {"Ann"}

    outcome = api_or_gateway.run("notify", {"channel": "tea", "data": "ready"})
    push = ann.push()
    assert (push["from"], push["data"]) == (None, "ready")
    assert outcome["message_id"] == push["message_id"]
    assert (outcome["delivered"], outcome["gone"], outcome["failed"]) == (1, 0, 0)
    for client in (ann, carl):
        client.disconnect()


def test_client_that_was_away_gets_the_messages_since(api_or_gateway: Api | LocalServer) -> None:
    ann, bob = api_or_gateway.connect(), api_or_gateway.connect()
    ann.request("join", channel="milk")
    bob.request("broadcast", data="in another channel")
    first = ann.request("broadcast", channel="milk", data=0)["message_id"]
    bob.disconnect()
    ann.request("broadcast", channel="milk", data={"n": 1}, nonce="c")
    api_or_gateway.run("notify", {"channel": "milk", "data": [2]})
    pushes = list(
        itertools.islice((push for push in pushes_to(ann) if push["channel"] == "milk"), 3)
    )

    bob = api_or_gateway.connect()
    reply = bob.request("join", channel="milk", since=first)
    nothing = {"channel": "milk", "more": False, "complete": True}
    assert reply == {"type": "joined", "messages": pushes, **nothing}
    exactly = bob.request("history", channel="milk", since=first)
    assert exactly == {"type": "history", "messages": pushes[1:], **nothing}
    for client in (ann, bob):
        client.disconnect()


def test_each_example_request_gets_the_reply_of_the_file(api_or_gateway: Api | LocalServer) -> None:
    for name, example in REQUESTS:
        # Each has a connection of its own: the order of the examples does not matter.
        client = api_or_gateway.connect(name="Ann")
        client.request("join", channel=example.get("channel", "lobby"))
        client.send(json.dumps(example))
        while (reply := client.receive()).get("id") != example["id"]:
            pass
        # Guests have no marks, users do not choose a name, and access.py may have more rules.
        if reply.get("code") != "forbidden":
            FRAMES.message_name(reply, name)
        client.disconnect()

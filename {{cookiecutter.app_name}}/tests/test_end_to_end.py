"""The app's handlers and the local gateway: the same frames through both."""

import itertools
import json
from collections.abc import Iterator

import pytest

from chalicelib.storage.connections import MAX_CHANNELS
from tests.client import Api, Connection, Frame
from tests.conftest import PROJECT
from tests.support.asyncapi import MESSAGES, REPLIES, message_name
from tests.support.local_server import LocalServer

REQUESTS = [(name, each["payload"]) for name in REPLIES for each in MESSAGES[name]["examples"]]


def pushes_to(client: Connection) -> Iterator[Frame]:
    """Yield the pushes to a client, without end."""
    while True:
        yield client.push()


def test_conversation_of_three_clients(api_or_gateway: Api | LocalServer) -> None:
    ann, bob, carl = (
        api_or_gateway.connect(name="Ann"),
        api_or_gateway.connect(),
        api_or_gateway.connect(name="Çarl"),
    )
    assert "broadcast" in ann.request("help")["actions"]
    assert ann.request("echo", data="hello?") == {"type": "echo", "data": "hello?"}
    assert bob.request("name", name="Bob") == {"type": "named", "name": "Bob"}

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
    bob.request("name", name="Rob")
    assert ann.push()["member"]["name"] == "Rob"
    bob.disconnect()
    left = ann.push()
    assert (left["event"], left["member"]["name"]) == ("left", "Rob")
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
    client = api_or_gateway.connect(name="Ann")
    for name, example in REQUESTS:
        client.send(json.dumps(example))
        while "id" not in (reply := client.receive()):
            pass
        # A guest has no marks.
        expected = "error" if name == "read" else REPLIES[name][0]
        assert (message_name(reply), reply["id"]) == (expected, example["id"]), reply
    client.disconnect()


def test_concurrent_joins_keep_to_the_limit(gateway: LocalServer) -> None:
    """The frames arrive at once, and several workers process them."""
    client = gateway.connect()
    for n in range(MAX_CHANNELS + 10):
        client.send(json.dumps({"action": "join", "channel": f"c{n}", "id": n}))
    replies = [client.receive() for _ in range(MAX_CHANNELS + 10)]
    refused = [reply for reply in replies if reply["type"] == "error"]
    assert [(each["code"], each["field"]) for each in refused] == [("bad_field", "channel")] * 10
    joined = [each["channel"] for each in client.request("channels")["channels"]]
    assert len([name for name in joined if name[0] == "c"]) == MAX_CHANNELS
    client.disconnect()


def test_gateway_serves_boto3_clients(gateway: LocalServer) -> None:
    """Another program on this machine calls the management API and Lambda."""
    client = gateway.connect(name="boto3")
    members = client.request("who", channel="lobby")["members"]
    ids = {member["name"]: member["connection_id"] for member in members}
    connection_id = ids["boto3"]
    management = gateway.client("apigatewaymanagementapi", "/api")
    member = {"connection_id": connection_id, "name": "boto3"}
    push = {"type": "presence", "channel": "tea", "event": "named", "member": member}
    management.post_to_connection(ConnectionId=connection_id, Data=json.dumps(push).encode())
    assert client.push() == push
    assert management.get_connection(ConnectionId=connection_id)["Identity"]["SourceIp"]
    deployed = json.loads((PROJECT / ".chalice" / "config.json").read_text())["app_name"]
    assert gateway.run(f"{deployed}-dev-notify", {"channel": "lobby", "data": 1})["delivered"] >= 1
    assert client.push()["data"] == 1
    management.delete_connection(ConnectionId=connection_id)
    with pytest.raises(management.exceptions.GoneException):
        management.post_to_connection(ConnectionId=connection_id, Data=b"")

"""A conversation of three clients, through the handlers and through the local gateway."""

import json

import pytest

from tests.client import Api
from tests.conftest import PROJECT
from tests.support.local_server import LocalServer


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

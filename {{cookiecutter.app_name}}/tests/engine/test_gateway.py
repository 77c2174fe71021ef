"""The local gateway: frames at once, clients of boto3, sign-in and sign-out."""

import json

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from chalice_ws.project.config import read_config
from chalicelib.storage.connections import MAX_CHANNELS
from tests.conftest import PROJECT
from tests.support.local_server import TIMEOUT_SECONDS, LocalServer


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
    deployed = read_config(PROJECT, "dev").app_name
    assert gateway.run(f"{deployed}-dev-notify", {"channel": "lobby", "data": 1})["delivered"] >= 1
    assert client.push()["data"] == 1
    management.delete_connection(ConnectionId=connection_id)
    with pytest.raises(management.exceptions.GoneException):
        management.post_to_connection(ConnectionId=connection_id, Data=b"")


def test_two_people_see_each_other(gateway: LocalServer) -> None:
    ann, bob = gateway.connect(user="ann"), gateway.connect(user="bob")
    assert ann.socket.subprotocol == "chalice-ws.v1"
    ann.request("join", channel="tea")
    bob.request("join", channel="tea")
    assert ann.push()["member"]["user"] == "bob"
    with pytest.raises(InvalidStatus, match="401"):
        gateway.connect(user=None)
    for client in (ann, bob):
        client.disconnect()


def test_sign_out_closes_the_devices_of_a_person(gateway: LocalServer) -> None:
    devices = [gateway.connect(user="carl") for _ in range(3)]
    other, old = gateway.connect(user="dora"), gateway.token("carl")
    assert gateway.run("sign_out", {"user": "carl"}) == {"closed": 3}
    for device in devices:
        while device.push()["type"] != "bye":
            pass
        with pytest.raises(ConnectionClosed):
            device.socket.recv(timeout=TIMEOUT_SECONDS)
    with pytest.raises(InvalidStatus, match="401"):
        connect(gateway.url, subprotocols=["chalice-ws.v1", old])  # type: ignore[list-item]
    assert other.request("join", channel="milk")["type"] == "joined"
    assert gateway.connect(user="carl").request("join", channel="milk")["type"] == "joined"

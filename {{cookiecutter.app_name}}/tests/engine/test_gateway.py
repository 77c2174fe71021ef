"""The local gateway as the engine's tests use it: frames at once, and clients of boto3."""

import json

import pytest

from chalice_ws.project.config import read_config
from chalicelib.storage.connections import MAX_CHANNELS
from tests.conftest import PROJECT
from tests.support.local_server import LocalServer


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

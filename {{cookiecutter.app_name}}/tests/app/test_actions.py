"""The actions of chalicelib/actions.py, as clients see them."""

from typing import Any

from tests.client import Api, Client
from tests.conftest import error


def members(client: Client) -> set[str]:
    """Return the names of the members of the channel tea."""
    return {each["name"] for each in client.request("who", channel="tea")["members"]}


def pushes(client: Client, kind: str) -> list[Any]:
    """Return the pushes of a type that wait for a client."""
    found = [client.push() for _ in range(client.waiting())]
    return [each for each in found if each["type"] == kind]


def test_echo_returns_its_data(api: Api) -> None:
    assert api.connect().request("echo", data={"a": [1]})["data"] == {"a": [1]}


def test_member_that_joins_and_leaves_is_announced(api: Api) -> None:
    ann, bob = api.connect(name="Ann"), api.connect(name="Bob")
    for client in (ann, bob):
        assert client.request("join", channel="tea")["channel"] == "tea"
    assert members(ann) == {"Ann", "Bob"}
    bob.request("leave", channel="tea")
    bob.request("join", channel="tea")
    bob.disconnect()
    events = [(each["event"], each["member"]["name"]) for each in pushes(ann, "presence")]
    assert events == [("joined", "Bob"), ("left", "Bob"), ("joined", "Bob"), ("left", "Bob")]
    assert members(ann) == {"Ann"}


def test_broadcast_reaches_the_members_and_its_sender_alone(api: Api) -> None:
    ann, bob, carl = (api.connect(name=name) for name in ("Ann", "Bob", "Carl"))
    for client in (ann, bob):
        client.request("join", channel="tea")
    reply = ann.request("broadcast", channel="tea", data={"n": 1}, nonce="n1")
    assert reply["type"] == "sent"
    for client in (ann, bob):
        (message,) = pushes(client, "message")
        assert (message["message_id"], message["nonce"]) == (reply["message_id"], "n1")
        assert (message["from"]["name"], message["data"]) == ("Ann", {"n": 1})
    assert pushes(carl, "message") == []
    assert error(carl.request("broadcast", channel="tea", data=1)) == ("not_a_member", "broadcast")


def test_message_that_was_missed_is_in_the_history(api: Api) -> None:
    ann, bob = api.connect(), api.connect()
    ann.request("join", channel="tea")
    seen = ann.request("broadcast", channel="tea", data="seen")["message_id"]
    ann.request("broadcast", channel="tea", data="missed")
    bob.request("join", channel="tea")
    page = bob.request("history", channel="tea", since=seen)
    assert [each["data"] for each in page["messages"]] == ["missed"]


def test_channels_are_listed_with_their_sizes(api: Api) -> None:
    ann, bob = api.connect(), api.connect()
    ann.request("join", channel="tea")
    sizes = {each["channel"]: each["members"] for each in bob.request("channels")["channels"]}
    assert (sizes["lobby"], sizes["tea"]) == (2, 1)


def test_mark_of_a_user_is_on_all_devices(api: Api) -> None:
    first, second = api.connect(user="ann"), api.connect(user="ann")
    for device in (first, second):
        device.request("join", channel="tea")
    message_id = first.request("broadcast", channel="tea", data=1)["message_id"]
    first.request("read", channel="tea", message_id=message_id)
    assert [each["message_id"] for each in pushes(second, "read")] == [message_id]


def test_message_of_another_service_reaches_a_channel_and_a_user(api: Api) -> None:
    ann, bob = api.connect(user="ann"), api.connect()
    bob.request("join", channel="tea")
    assert api.run("notify", {"channel": "tea", "data": 1})["delivered"] == 1
    assert api.run("notify", {"user": "ann", "data": 2})["delivered"] == 1
    assert [each["data"] for each in pushes(bob, "message")] == [1]
    assert [each["data"] for each in pushes(ann, "message")] == [2]


def test_sign_out_closes_the_devices_of_a_user(api: Api) -> None:
    ann, bob = api.connect(user="ann"), api.connect()
    assert api.run("sign_out", {"user": "ann"}) == {"closed": 1}
    assert not ann.is_open()
    assert bob.is_open()

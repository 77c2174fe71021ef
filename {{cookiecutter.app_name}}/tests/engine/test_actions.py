"""The actions: names, channels, messages and presence."""

import pytest

from chalicelib.identity.handshake import Refused
from chalicelib.protocol.frames import Busy
from chalicelib.storage import channels, connections, table
from tests.client import Api, Rejected
from tests.conftest import age, error
from tests.support.rows import write_rows


def test_client_without_a_name_is_a_guest_until_it_chooses_one(api: Api) -> None:
    guest, ann = api.connect(), api.connect(name="  Ann\u3000")
    members = guest.request("who", channel="lobby")["members"]
    names = {member["connection_id"]: member["name"] for member in members}
    assert names == {
        guest.connection_id: f"guest-{guest.connection_id[:4]}",
        ann.connection_id: "Ann",
    }
    assert guest.request("name", name=" Zoë 👩\u200d🚀 ") == {
        "type": "named",
        "name": "Zoë 👩\u200d🚀",
    }


@pytest.mark.parametrize("name", ["", " ", "x" * 65, "a\nb", "a\u202eb", "\u200d", 7, None])
def test_invalid_name_is_a_bad_field(api: Api, name: object) -> None:
    client = api.connect()
    reply = client.request("name", name=name)
    assert error(reply) == ("bad_field", "name")
    assert reply["field"] == "name"


def test_connect_with_an_invalid_name_is_refused(api: Api) -> None:
    with pytest.raises(Rejected, match="400"):
        api.connect(name="a\nb")
    assert list(channels.member_ids("lobby")) == []


def test_connect_is_refused_if_authenticate_raises(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(event: object) -> None:
        raise Refused(403, "blocked")

    monkeypatch.setattr("app.authenticate", refuse)
    with pytest.raises(Rejected, match="403"):
        api.connect()
    assert list(channels.member_ids("lobby")) == []


def test_presence_reaches_the_other_members(api: Api) -> None:
    ann, bob = api.connect(name="Ann"), api.connect(name="Bob")
    outsider = api.connect()
    # To join again changes nothing.
    for client in (ann, bob, bob):
        assert client.request("join", channel="tea") == {"type": "joined", "channel": "tea"}
    bob.request("name", name="Rob")
    bob.request("leave", channel="tea")
    bob.request("leave", channel="tea")
    bob.request("join", channel="tea")
    bob.disconnect()
    events = [ann.push() for _ in range(5)]
    assert [event["event"] for event in events] == ["joined", "named", "left", "joined", "left"]
    assert events[1] == {
        "type": "presence",
        "channel": "tea",
        "event": "named",
        "member": {"connection_id": bob.connection_id, "name": "Rob"},
    }
    assert (ann.waiting(), outsider.waiting()) == (0, 0)


def test_lobby_has_each_connection_and_cannot_be_left(api: Api) -> None:
    ann, bob = api.connect(), api.connect()
    assert ann.request("join", channel="lobby") == {"type": "joined", "channel": "lobby"}
    reply = ann.request("leave", channel="lobby")
    assert error(reply) == ("bad_field", "leave")
    assert reply["field"] == "channel"
    ann.request("broadcast", data=1)
    assert bob.push()["channel"] == "lobby"


def test_broadcast_reaches_all_members_and_its_sender(api: Api) -> None:
    ann, bob, carl = (api.connect(name=name) for name in ("Ann", "Bob", "Carl"))
    ann.request("join", channel="tea")
    bob.request("join", channel="tea")
    ann.push()
    ann.send('{"action":"broadcast","channel":"tea","data":{"n":1},"id":"r1","nonce":"n1"}')
    message, reply = ann.push(), ann.receive()
    assert reply == {
        "type": "sent",
        "channel": "tea",
        "message_id": message["message_id"],
        "id": "r1",
    }
    assert bob.push() == message
    assert carl.waiting() == 0
    assert message.pop("sent_at") > 1_600_000_000_000
    assert message.pop("message_id")
    assert message == {
        "type": "message",
        "channel": "tea",
        "from": {"connection_id": ann.connection_id, "name": "Ann"},
        "data": {"n": 1},
        "nonce": "n1",
    }
    ann.request("broadcast", channel="tea", data=2)
    assert "nonce" not in bob.push()


def test_message_ids_sort_by_time(api: Api) -> None:
    client = api.connect()
    ids = [client.request("broadcast", data=n)["message_id"] for n in range(5)]
    sent_at = [client.push()["sent_at"] for _ in ids]
    assert [i for _, i in sorted(zip(sent_at, ids, strict=True))] == sorted(ids)


def test_broadcast_by_a_non_member_is_refused(api: Api) -> None:
    client = api.connect()
    assert error(client.request("broadcast", channel="tea", data=1)) == (
        "not_a_member",
        "broadcast",
    )
    client.request("join", channel="tea")
    client.request("leave", channel="tea")
    assert error(client.request("broadcast", channel="tea", data=1)) == (
        "not_a_member",
        "broadcast",
    )


def test_who_and_channels_return_at_most_a_hundred(api: Api) -> None:
    client = api.connect()
    row = table.call("get_item", Key=table.key("lobby", client.connection_id))["Item"]
    write_rows([{**row, "connection_id": {"S": f"fake{n}"}} for n in range(99)])
    reply = client.request("who", channel="lobby")
    assert (len(reply["members"]), reply["more"]) == (100, False)
    write_rows([{**row, "connection_id": {"S": "fake99"}}])
    reply = client.request("who", channel="lobby")
    assert (len(reply["members"]), reply["more"]) == (100, True)

    for first in (0, 49):
        channels = [f"c{n:03}" for n in range(first, first + 50)]
        write_rows([{**row, "connection_id": {"S": f"fake{first}"}, "channels": {"SS": channels}}])
    reply = client.request("channels")
    assert (len(reply["channels"]), reply["more"]) == (100, False)
    assert reply["channels"][:2] == [
        {"channel": "lobby", "members": 101},
        {"channel": "c049", "members": 2},
    ]
    connections.join(connections.get(client.connection_id), "one.more")
    assert client.request("channels")["more"] is True


def test_broadcast_succeeds_if_removal_of_gone_connections_fails(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message is sent by then: an error would make the client send it again."""
    ann, closed, bob = api.connect(), api.connect(), api.connect()
    closed.vanish()

    def busy(connection_id: str, channel: str) -> None:
        raise Busy

    monkeypatch.setattr("chalicelib.delivery.members.remove_gone", busy)
    assert ann.request("broadcast", data=1)["type"] == "sent"
    assert bob.push()["data"] == 1


def test_join_and_leave_succeed_if_presence_fails(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = api.connect()

    def busy(*arguments: object) -> list[str]:
        raise Busy

    monkeypatch.setattr("chalicelib.delivery.members.member_ids", busy)
    assert ann.request("join", channel="tea") == {"type": "joined", "channel": "tea"}
    assert ann.request("leave", channel="tea") == {"type": "left", "channel": "tea"}


def test_broadcast_during_connect_keeps_the_new_member(api: Api) -> None:
    """API Gateway answers 410 until the connect function has returned."""
    ann, bob = api.connect(), api.connect()
    for client in (ann, bob):
        client.request("join", channel="tea")
    api.refusals[bob.connection_id] = (410, "GoneException")
    for channel in ("tea", "lobby"):
        ann.request("broadcast", channel=channel, data="during")
    del api.refusals[bob.connection_id]
    for channel in ("tea", "lobby"):
        ann.request("broadcast", channel=channel, data="after")
        assert bob.push()["data"] == "after"
    assert bob.request("broadcast", channel="tea", data=1)["type"] == "sent"


def test_join_beyond_max_channels_is_refused(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.storage.connections.MAX_CHANNELS", 2)
    client = api.connect()
    for channel in ("a", "b", "b"):
        assert client.request("join", channel=channel)["type"] == "joined"
    assert error(client.request("join", channel="c")) == ("bad_field", "join")
    assert client.request("join", channel="a")["type"] == "joined"
    client.request("leave", channel="a")
    assert client.request("join", channel="c")["type"] == "joined"


def test_broadcast_removes_gone_connections_and_reaches_the_others(api: Api) -> None:
    ann, closed, bob = api.connect(), api.connect(), api.connect()
    for client in (ann, closed, bob):
        client.request("join", channel="tea")
    age(closed)
    closed.vanish()
    assert ann.request("broadcast", channel="tea", data=1)["type"] == "sent"
    assert [bob.push()["type"] for _ in range(bob.waiting())] == ["message"]
    for channel in ("tea", "lobby"):
        assert set(channels.member_ids(channel)) == {ann.connection_id, bob.connection_id}

"""Users: their own channel, permissions, presence, and marks on all of their devices."""

from collections import deque
from collections.abc import Iterator

import pytest

from chalicelib.protocol.user import User
from chalicelib.storage import channels, connections, users
from chalicelib.storage.connections import MAX_CHANNELS
from tests.client import Api, Client, Frame
from tests.conftest import age, error
from tests.support.history import message_id_at, page_data
from tests.support.rows import ENDPOINT, NOW, OLD, count_requests, rows, write_members

ANN = User("ann", "Ann", NOW // 1000 + 9000)


@pytest.fixture
def devices(api: Api) -> list[Client]:
    """Two connections of Ann."""
    return [api.connect(user="ann") for _ in range(2)]


def pushes(client: Client) -> list[Frame]:
    """Return the pushes that wait for a client."""
    return [client.push() for _ in range(client.waiting())]


def test_connection_of_a_user_is_in_the_users_own_channel(api: Api) -> None:
    connections.add("c1", None, ENDPOINT, OLD, ANN)
    before = rows()
    assert before.keys() == {("lobby#0", "c1"), ("@ann#0", "c1")}
    assert before["lobby#0", "c1"]["channels"] == {"SS": ["@ann"]}
    assert {row["expires_at"]["N"] for row in before.values()} == {str(OLD // 1000 + 7800)}
    connections.add("c1", None, ENDPOINT, OLD, ANN)
    assert rows() == before
    for end in (connections.remove, lambda each: connections.remove_gone([each], "@ann")):
        connections.add("c1", None, ENDPOINT, OLD, ANN)
        end("c1")
        assert rows() == {}


def test_own_channel_does_not_count_as_one_of_the_maximum(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MAX_CHANNELS", 2)
    assert MAX_CHANNELS > 2
    for client in (api.connect(), api.connect(user="ann")):
        for channel in ("a", "b"):
            assert client.request("join", channel=channel)["type"] == "joined"
        assert error(client.request("join", channel="c")) == ("bad_field", "join")


def test_notify_reaches_all_devices_of_the_user_and_nobody_else(
    api: Api, devices: list[Client]
) -> None:
    bob, guest = api.connect(user="bob"), api.connect()
    outcome = api.run("notify", {"user": "ann", "data": "yours"})
    assert outcome["delivered"] == 2
    for device in devices:
        (push,) = pushes(device)
        assert (push["channel"], push["data"], push["from"]) == ("@ann", "yours", None)
    assert (bob.waiting(), guest.waiting()) == (0, 0)
    # A device that was away catches up.
    since = message_id_at(-60)
    late = api.connect(user="ann")
    assert page_data(late.request("join", channel="@ann", since=since)) == ["yours"]
    assert page_data(late.request("history", channel="@ann", since=since)) == ["yours"]


def test_own_channel_is_closed_to_all_others(api: Api, devices: list[Client]) -> None:
    api.run("notify", {"user": "ann", "data": "secret"})
    for client in (api.connect(user="bob"), api.connect()):
        for action in ("join", "history", "who"):
            assert error(client.request(action, channel="@ann")) == ("forbidden", action)
        assert client.request("join", channel="@ann", limit=1)["code"] == "forbidden"
        assert client.request("broadcast", channel="@ann", data=1)["code"] == "forbidden"
        assert client.request("leave", channel="@ann")["code"] == "bad_field"
        assert [each["channel"] for each in client.request("channels")["channels"]] == ["lobby"]
    ann, _ = devices
    ann.push()
    assert ann.request("broadcast", channel="@ann", data=1)["code"] == "forbidden"
    assert ann.request("leave", channel="@ann")["code"] == "bad_field"
    assert [each["channel"] for each in ann.request("channels")["channels"]] == ["lobby"]


def test_may_is_asked_for_each_action_on_a_channel(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann, guest = api.connect(user="ann"), api.connect()
    asked: list[tuple[str | None, str, str]] = []

    def may(user: User | None, action: str, channel: str) -> bool:
        asked.append((user.id if user else None, action, channel))
        return channel != "secret"

    for client in (ann, guest):
        client.request("join", channel="secret")
    monkeypatch.setattr("chalicelib.access.may", may)
    # The members of the channel are refused too.
    for action, fields in (
        ("join", {}),
        ("broadcast", {"data": 1}),
        ("history", {}),
        ("read", {"message_id": message_id_at(0)}),
        ("who", {}),
    ):
        asked.clear()
        assert error(guest.request(action, channel="secret", **fields)) == ("forbidden", action)
        assert asked == [(None, action, "secret")]
        if action != "who":
            assert ann.request(action, channel="secret", **fields)["code"] == "forbidden"
            assert asked[1:] == [("ann", action, "secret")]
    assert [each["channel"] for each in guest.request("channels")["channels"]] == [
        "lobby",
        "@ann",
    ]


def test_user_of_the_owners_authenticate_is_the_user_of_each_action(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AUTH is none there, and each client is somebody all the same."""
    monkeypatch.setattr("app.authenticate", lambda event: ANN)
    ann = api.connect()
    asked: list[User | None] = []

    def may(user: User | None, action: str, channel: str) -> bool:
        asked.append(user)
        return True

    monkeypatch.setattr("chalicelib.access.may", may)
    for action in ("join", "broadcast", "history", "who", "channels"):
        fields = {"data": 1} if action == "broadcast" else {}
        channel = {} if action == "channels" else {"channel": "tea"}
        assert ann.request(action, **channel, **fields)["type"] != "error"
    assert [user and user.id for user in asked] == ["ann"] * 7


def test_page_of_a_join_needs_the_right_to_read_history(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.access.may", lambda user, action, channel: action != "history")
    client = api.connect()
    assert client.request("join", channel="tea", limit=1)["code"] == "forbidden"
    assert list(channels.member_ids("tea")) == []
    assert client.request("join", channel="tea") == {"type": "joined", "channel": "tea"}


def test_user_with_several_devices_joins_and_leaves_once(api: Api, devices: list[Client]) -> None:
    guest = api.connect()
    guest.request("join", channel="tea")
    first, second = devices
    for device in devices:
        device.request("join", channel="tea")
    members = guest.request("who", channel="tea")["members"]
    assert sorted(each.get("user", "") for each in members) == ["", "ann"]
    first.request("leave", channel="tea")
    first.request("join", channel="tea")
    second.disconnect()
    first.disconnect()
    events = [(each["event"], each["member"]["user"]) for each in pushes(guest)]
    assert events == [("joined", "ann"), ("left", "ann")]


def test_read_mark_is_the_same_on_all_devices(api: Api, devices: list[Client]) -> None:
    first, second = devices
    bob = api.connect(user="bob")
    for client in (*devices, bob):
        client.request("join", channel="tea")
        pushes(client)
    for device in devices:
        pushes(device)
    earlier, later = message_id_at(-60), message_id_at(-30)
    mark = {"type": "read", "channel": "tea", "message_id": later}
    assert first.request("read", channel="tea", message_id=later) == mark
    assert pushes(second) == [mark]
    # The mark does not move back, and the others are told of changes alone.
    assert second.request("read", channel="tea", message_id=earlier) == mark
    assert (first.waiting(), bob.waiting()) == (0, 0)
    assert second.request("join", channel="tea")["read"] == later
    assert api.connect(user="ann").request("join", channel="tea", limit=1)["read"] == later
    assert "read" not in bob.request("join", channel="tea")


def test_message_marked_alone_is_read_on_all_devices(api: Api, devices: list[Client]) -> None:
    first, second = devices
    for device in devices:
        device.request("join", channel="tea")
    pushes(first)
    pushes(second)
    ids = [message_id_at(number) for number in range(-3, 0)]
    mark = {"type": "read", "channel": "tea", "message_id": ids[2], "only": True}
    assert first.request("read", channel="tea", message_id=ids[2], only=True) == mark
    assert pushes(second) == [mark]
    # It is marked once.
    assert second.request("read", channel="tea", message_id=ids[2], only=True) == mark
    assert first.waiting() == 0
    reply = second.request("join", channel="tea")
    assert (reply.get("read"), reply["read_alone"]) == (None, [ids[2]])
    # A mark that moves past it replaces it.
    first.request("read", channel="tea", message_id=ids[1])
    assert second.request("join", channel="tea")["read_alone"] == [ids[2]]
    first.request("read", channel="tea", message_id=ids[2])
    reply = second.request("join", channel="tea")
    assert (reply["read"], "read_alone" in reply) == (ids[2], False)


def test_marks_of_single_messages_are_limited(
    devices: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(users, "MAX_SINGLES", 3)
    first = devices[0]
    for number in range(3):
        first.request("read", channel="lobby", message_id=message_id_at(number), only=True)
    reply = first.request("read", channel="lobby", message_id=message_id_at(3), only=True)
    assert error(reply) == ("bad_field", "read")
    assert reply["field"] == "only"


def test_read_is_for_members_who_are_signed_in(api: Api) -> None:
    guest, ann = api.connect(), api.connect(user="ann")
    guest.request("join", channel="tea")
    message_id = message_id_at(0)
    for client, code in ((guest, "forbidden"), (ann, "not_a_member")):
        reply = client.request("read", channel="tea", message_id=message_id)
        assert error(reply) == (code, "read")
    assert ann.request("read", channel="@ann", message_id=message_id)["type"] == "read"


def test_mark_succeeds_if_the_other_devices_are_not_reached(
    api: Api, devices: list[Client]
) -> None:
    first, second = devices
    api.refusals[second.connection_id] = (403, "AccessDeniedException")
    reply = first.request("read", channel="lobby", message_id=message_id_at(0))
    assert reply["type"] == "read"


def test_gone_device_is_removed(api: Api, devices: list[Client]) -> None:
    first, second = devices
    age(second)
    second.vanish()
    first.request("read", channel="lobby", message_id=message_id_at(0))
    assert list(channels.member_ids("@ann")) == [first.connection_id]
    assert list(channels.member_ids("lobby")) == [first.connection_id]


def test_many_devices_are_reached_up_to_a_maximum(api: Api, devices: list[Client]) -> None:
    others = [f"d{n:03}" for n in range(100)]
    write_members(others, "@ann", endpoint=api.url)
    api.inboxes |= {each: deque() for each in others}
    first, _ = devices
    with count_requests() as requests:
        first.request("read", channel="lobby", message_id=message_id_at(0))
    assert requests["Query"] == 1


@pytest.fixture(autouse=True)
def no_leftovers(api: Api) -> Iterator[None]:
    """A check that no row of a user is left after all connections have ended."""
    yield
    for connection_id in list(channels.member_ids("lobby")):
        connections.remove(connection_id)
    kept = ("#history", "#read", "#ids", "#since")
    assert [each for each in rows() if not each[0].endswith(kept)] == []

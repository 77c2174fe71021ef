"""Each action and each error, through the handlers, on a real DynamoDB API."""

import json
import logging
import re

import pytest

from app import app
from chalicelib import connections, table
from chalicelib.actions import router
from chalicelib.fields import CHANNEL
from tests.client import Api, Client, Frame, Rejected

LIMIT = 128 * 1024


def error(frame: Frame) -> tuple[str, str]:
    """Check that a frame is an error and says what to do; return its code and its action."""
    assert frame["type"] == "error"
    assert frame["message"]
    return frame["code"], frame["action"]


def test_echo(api: Api) -> None:
    client = api.connect()
    for data in ("hi", None, 0, 1.5, [{"a": "ü\u2028</script>"}], "\ud800"):
        assert client.request("echo", data=data) == {"type": "echo", "data": data}


def test_an_id_may_be_a_number_or_a_string(api: Api) -> None:
    client = api.connect()
    for request_id in (0, -1.5, 10**30, "x" * 64):
        client.send(json.dumps({"action": "echo", "data": 1, "id": request_id}))
        assert client.receive() == {"type": "echo", "data": 1, "id": request_id}
    client.send('{"action": "echo", "data": 1}')
    assert client.receive() == {"type": "echo", "data": 1}


def test_guests_have_a_name_until_they_choose_one(api: Api) -> None:
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
def test_a_name_that_will_not_do(api: Api, name: object) -> None:
    client = api.connect()
    reply = client.request("name", name=name)
    assert error(reply) == ("bad_field", "name")
    assert reply["field"] == "name"


def test_connecting_with_a_name_that_will_not_do_is_refused(api: Api) -> None:
    with pytest.raises(Rejected, match="400"):
        api.connect(name="a\nb")
    assert list(connections.members("lobby")) == []


def test_the_door_can_be_closed(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.may_connect", lambda event: False)
    with pytest.raises(Rejected, match="403"):
        api.connect()
    assert list(connections.members("lobby")) == []


def test_presence_is_told_to_the_other_members(api: Api) -> None:
    ann, bob = api.connect(name="Ann"), api.connect(name="Bob")
    outsider = api.connect()
    for client in (ann, bob, bob):  # to join again changes nothing
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


def test_everybody_is_in_the_lobby_and_nobody_leaves_it(api: Api) -> None:
    ann, bob = api.connect(), api.connect()
    assert ann.request("join", channel="lobby") == {"type": "joined", "channel": "lobby"}
    reply = ann.request("leave", channel="lobby")
    assert error(reply) == ("bad_field", "leave")
    assert reply["field"] == "channel"
    ann.request("broadcast", data=1)
    assert bob.push()["channel"] == "lobby"


def test_a_message_reaches_every_member_and_its_sender(api: Api) -> None:
    ann, bob, carl = (api.connect(name=name) for name in ("Ann", "Bob", "Carl"))
    ann.request("join", channel="tea")
    bob.request("join", channel="tea")
    ann.push()
    ann.send('{"action":"broadcast","channel":"tea","data":{"n":1},"id":"r1","client_id":"c1"}')
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
        "client_id": "c1",
        "ref": "r1",
    }
    ann.request("broadcast", channel="tea", data=2)
    assert not {"ref", "client_id"} & bob.push().keys()


def test_message_ids_sort_by_time(api: Api) -> None:
    client = api.connect()
    ids = [client.request("broadcast", data=n)["message_id"] for n in range(5)]
    sent_at = [client.push()["sent_at"] for _ in ids]
    assert [i for _, i in sorted(zip(sent_at, ids, strict=True))] == sorted(ids)


def test_only_members_broadcast(api: Api) -> None:
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


def test_who_and_channels_show_a_hundred_and_say_that_there_are_more(api: Api) -> None:
    client = api.connect()
    home = table.call("get_item", Key=table.key("lobby", client.connection_id))["Item"]
    put([{**home, "connection_id": {"S": f"fake{n}"}} for n in range(99)])
    reply = client.request("who", channel="lobby")
    assert (len(reply["members"]), reply["more"]) == (100, False)
    put([{**home, "connection_id": {"S": "fake99"}}])
    reply = client.request("who", channel="lobby")
    assert (len(reply["members"]), reply["more"]) == (100, True)

    put([{**home, "channels": {"SS": [f"c{n:03}" for n in range(99)]}}])
    reply = client.request("channels")
    assert (len(reply["channels"]), reply["more"]) == (100, False)
    assert reply["channels"][:2] == [
        {"channel": "lobby", "members": 101},
        {"channel": "c000", "members": 1},
    ]
    connections.join(connections.get(client.connection_id), "one.more")
    assert client.request("channels")["more"] is True


def test_help_names_what_is_switched_on(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    client = api.connect()
    assert client.request("help")["actions"].keys() == router.actions.keys()
    monkeypatch.setenv("WS_ACTIONS", "leave, help")
    assert client.request("help") == {
        "type": "help",
        "actions": {"leave": {"channel": CHANNEL.what}, "help": {}},
    }
    assert error(client.request("who", channel="tea")) == ("action_disabled", "who")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_json"),
        ("{", "bad_json"),
        ('{"action":"echo","data":NaN}', "bad_json"),
        ('{"action":"echo","data":1e999}', "bad_json"),
        ('{"action":"echo","data":%s.0}' % ("1" * 130_000), "bad_json"),
        ('{"action":"echo","data":%s}' % ("9" * 5000), "bad_json"),
        ("[" * 100_000, "bad_json"),
        ("[]", "not_an_object"),
        ('"help"', "not_an_object"),
        ("null", "not_an_object"),
        ("{}", "unknown_action"),
        ('{"action":null}', "unknown_action"),
        ('{"action":["echo"]}', "unknown_action"),
        ('{"action":"ECHO"}', "unknown_action"),
        ('{"action":"__class__"}', "unknown_action"),
        ('{"action":"%s"}' % ("x" * 100_000), "unknown_action"),
        ('{"action":"echo","data":1,"id":""}', "bad_field"),
        ('{"action":"echo","data":1,"id":true}', "bad_field"),
        ('{"action":"echo","data":1,"id":null}', "bad_field"),
        ('{"action":"echo","data":1,"id":"%s"}' % ("x" * 65), "bad_field"),
        ('{"action":"echo","data":1,"more":1}', "bad_field"),
        ('{"action":"echo"}', "bad_field"),
    ],
)
def test_whatever_is_sent_gets_one_answer(api: Api, text: str, code: str) -> None:
    client = api.connect()
    client.send(text)
    reply = client.receive()
    assert (reply["type"], reply["code"]) == ("error", code)
    assert client.waiting() == 0


def test_what_was_delivered_is_not_asked_for_again(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clearing up after a broadcast may fail; its sender has nothing to do with that."""
    ann, ghost, bob = api.connect(), api.connect(), api.connect()
    ghost.vanish()

    def busy(connection_id: str, channel: str) -> None:
        raise table.Busy("again")

    monkeypatch.setattr("chalicelib.broadcast.prune", busy)
    assert ann.request("broadcast", data=1)["type"] == "sent"
    assert bob.push()["data"] == 1


def test_presence_that_cannot_be_sent_does_not_undo_what_happened(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = api.connect()

    def busy(channel: str) -> list[str]:
        raise table.Busy("again")

    monkeypatch.setattr("chalicelib.broadcast.members", busy)
    assert ann.request("join", channel="tea") == {"type": "joined", "channel": "tea"}
    assert ann.request("leave", channel="tea") == {"type": "left", "channel": "tea"}


def test_a_connection_joins_only_so_many_channels(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chalicelib.actions.MAX_CHANNELS", 2)
    client = api.connect()
    for channel in ("a", "b", "b"):
        assert client.request("join", channel=channel)["type"] == "joined"
    assert error(client.request("join", channel="c")) == ("bad_field", "join")
    client.request("leave", channel="a")
    assert client.request("join", channel="c")["type"] == "joined"


def test_json_as_deep_as_python_can_just_read(api: Api) -> None:
    client = api.connect()
    for depth in range(900, 1000):  # what can be read may be too deep to be written
        client.send(f'{{"action":"echo","data":{"[" * depth}{"]" * depth}}}')
        assert client.receive()["code"] in ("bad_field", "bad_json")


@pytest.mark.parametrize("channel", ["", "x" * 65, "a b", "a#b", "ü", "a\n", 7, None, ["tea"]])
def test_a_channel_that_will_not_do(api: Api, channel: object) -> None:
    client = api.connect()
    for action in ("join", "leave", "who"):
        reply = client.request(action, channel=channel)
        assert (error(reply), reply["field"]) == (("bad_field", action), "channel")


def test_a_misspelt_field_does_not_send_to_the_lobby(api: Api) -> None:
    client, other = api.connect(), api.connect()
    reply = client.request("broadcast", chanel="secret", data=1)
    assert (error(reply), reply["field"]) == (("bad_field", "broadcast"), "chanel")
    assert other.waiting() == 0


def test_an_error_carries_id_and_action(api: Api) -> None:
    client = api.connect()
    client.send('{"action":"join","id":"r7"}')
    reply = client.receive()
    assert (reply["id"], reply["action"], reply["field"]) == ("r7", "join", "channel")


def test_too_large_for_one_frame(api: Api) -> None:
    client, other = api.connect(), api.connect()
    room = LIMIT - len('{"type":"echo","data":"","id":1}')
    assert client.request("echo", data="x" * room)["type"] == "echo"
    assert error(client.request("echo", data="x" * (room + 1))) == ("too_large", "echo")
    assert error(client.request("broadcast", data="ü" * (LIMIT // 2))) == ("too_large", "broadcast")
    assert other.waiting() == 0


def test_a_fault_is_logged_and_not_shown(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = api.connect()

    def fail(connection_id: str) -> None:
        raise RuntimeError("the password is 1234")

    monkeypatch.setattr("chalicelib.connections.get", fail)
    reply = client.request("join", channel="tea")
    assert error(reply) == ("internal", "join")
    assert "1234" not in json.dumps(reply)
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert re.fullmatch(
        rf"connection {client.connection_id}, request \S{{16}}", record.getMessage()
    )
    assert record.exc_info
    assert "1234" in str(record.exc_info[1])


def test_a_busy_table_is_no_fault(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    client = api.connect()

    def busy(connection_id: str) -> None:
        raise table.Busy("again")

    monkeypatch.setattr("chalicelib.connections.get", busy)
    assert error(client.request("join", channel="tea")) == ("try_again", "join")


def test_without_its_row_a_client_is_told_to_connect_again(api: Api) -> None:
    client = api.connect()
    connections.remove(client.connection_id)
    for action, fields in (
        ("join", {"channel": "tea"}),
        ("leave", {"channel": "tea"}),
        ("name", {"name": "Ann"}),
        ("broadcast", {"data": 1}),
    ):
        reply = client.request(action, **fields)
        assert error(reply) == ("try_again", action)
        assert "connect again" in reply["message"]
    assert list(connections.members("lobby")) == []
    assert list(connections.members("tea")) == []


def test_who_is_gone_is_forgotten_and_the_others_are_served(api: Api) -> None:
    ann, ghost, bob = api.connect(), api.connect(), api.connect()
    for client in (ann, ghost, bob):
        client.request("join", channel="tea")
    age(ghost)
    ghost.vanish()
    assert ann.request("broadcast", channel="tea", data=1)["type"] == "sent"
    assert [bob.push()["type"] for _ in range(bob.waiting())] == ["message"]
    for channel in ("tea", "lobby"):
        assert set(connections.members(channel)) == {ann.connection_id, bob.connection_id}


def test_a_client_that_left_before_its_reply_is_no_fault(api: Api) -> None:
    client = api.connect()
    client.vanish()
    client.send('{"action":"echo","data":1}')


def test_a_failing_recipient_stops_nobody(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    ann, stuck, bob = api.connect(), api.connect(), api.connect()
    api.refusals[stuck.connection_id] = (403, "ForbiddenException")
    outcome = api.run("notify", {"channel": "lobby", "data": "x"})
    assert (outcome["delivered"], outcome["failed"]) == (2, 1)
    assert (ann.push()["data"], bob.push()["data"]) == ("x", "x")
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert stuck.connection_id in record.getMessage()
    assert stuck.connection_id in set(connections.members("lobby"))


def test_notify_says_what_became_of_it(api: Api) -> None:
    ann, ghost = api.connect(), api.connect()
    ann.request("join", channel="tea")
    ghost.request("join", channel="tea")
    ann.push()
    age(ghost)
    ghost.vanish()
    outcome = api.run("notify", {"channel": "tea", "data": [1]})
    push = ann.push()
    assert (push["from"], push["data"]) == (None, [1])
    assert outcome == {
        "message_id": push["message_id"],
        "delivered": 1,
        "gone": 1,
        "failed": 0,
        "untried": 0,
    }


def test_notify_out_of_time_says_so(api: Api) -> None:
    client = api.connect()
    outcome = api.run("notify", {"channel": "lobby", "data": 1}, seconds=0)
    assert (outcome["delivered"], outcome["untried"]) == (0, 1)
    assert client.waiting() == 0


@pytest.mark.parametrize(
    "event", [None, [], {}, {"channel": "tea"}, {"data": 1}, {"channel": "a b", "data": 1}]
)
def test_notify_refuses_what_it_cannot_send(api: Api, event: object) -> None:
    with pytest.raises(Exception, match=r"channel|data"):
        api.run("notify", event)


def test_a_reply_that_cannot_be_sent_is_logged(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(app.log, "propagate", True)
    client = api.connect()
    api.refusals[client.connection_id] = (403, "ForbiddenException")
    client.send('{"action":"help"}')
    assert client.connection_id in caplog.text


def put(rows: list[table.Row]) -> None:
    """Write rows as they are."""
    while rows:
        batch, rows = rows[:25], rows[25:]
        requests = [{"PutRequest": {"Item": row}} for row in batch]
        table.dynamodb().batch_write_item(RequestItems={table.table_name(): requests})


def age(client: Client, seconds: int = 60) -> None:
    """Make a connection as old as that, so that a 410 is believed."""
    key = table.key("lobby", client.connection_id)
    table.call(
        "update_item",
        Key=key,
        UpdateExpression="SET connected_at = connected_at - :ms",
        ExpressionAttributeValues={":ms": {"N": str(seconds * 1000)}},
    )

"""The router: each frame gets one reply, also if the frame is not valid or the action fails."""

import json
import logging
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from chalice.app import WebsocketEvent
from chalice.local import LambdaContext

from app import app
from chalice_ws.local.websocket_api.events import Peer
from chalicelib import settings
from chalicelib.aws import Invocation
from chalicelib.delivery import pushes
from chalicelib.protocol.fields import CHANNEL, LIMIT, SINCE
from chalicelib.protocol.frames import Busy
from chalicelib.protocol.router import Request, Router
from chalicelib.storage import channels, connections
from docs.asyncapi import describe
from tests.client import Api
from tests.conftest import PROJECT, error
from tests.engine.generated.actions import router
from tests.support import asyncapi

MAX_FRAME_BYTES = 128 * 1024


def test_echo_returns_its_data(api: Api) -> None:
    client = api.connect()
    for data in ("hi", None, 0, 1.5, [{"a": "ü\u2028</script>"}], "\ud800"):
        assert client.request("echo", data=data) == {"type": "echo", "data": data}


def test_reply_repeats_a_number_or_string_id(api: Api) -> None:
    client = api.connect()
    for request_id in (0, -1.5, 10**30, "x" * 64):
        client.send(json.dumps({"action": "echo", "data": 1, "id": request_id}))
        assert client.receive() == {"type": "echo", "data": 1, "id": request_id}
    client.send('{"action": "echo", "data": 1}')
    assert client.receive() == {"type": "echo", "data": 1}


def test_help_lists_enabled_actions_only(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    client = api.connect()
    assert client.request("help")["actions"].keys() == router.actions.keys()
    monkeypatch.setenv("WS_ACTIONS", "who, history, help")
    assert client.request("help") == {
        "type": "help",
        "actions": {
            "who": {"channel": CHANNEL.description},
            "history": {
                "channel": CHANNEL.description,
                "since": f"{SINCE.description}; may be left out",
                "limit": f"{LIMIT.description}; may be left out",
            },
            "help": {},
        },
    }
    assert error(client.request("leave", channel="tea")) == ("action_disabled", "leave")


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
        ('{"action":"echo","data":1,"id":%s}' % ("9" * 65), "bad_field"),
        ('{"action":"echo","data":1,"more":1}', "bad_field"),
        ('{"action":"echo"}', "bad_field"),
    ],
)
def test_invalid_frame_gets_one_error_reply(api: Api, text: str, code: str) -> None:
    client = api.connect()
    client.send(text)
    reply = client.receive()
    assert (reply["type"], reply["code"]) == ("error", code)
    assert client.waiting() == 0


def test_deeply_nested_json_gets_an_error_reply(api: Api) -> None:
    client = api.connect()
    # Python can read some JSON that is too deep for it to write.
    for depth in range(900, 1000):
        client.send(f'{{"action":"echo","data":{"[" * depth}{"]" * depth}}}')
        assert client.receive()["code"] in ("bad_field", "bad_json")


@pytest.mark.parametrize("channel", ["", "x" * 65, "a b", "a#b", "ü", "a\n", 7, None, ["tea"]])
def test_invalid_channel_is_a_bad_field(api: Api, channel: object) -> None:
    client = api.connect()
    for action in ("join", "leave", "who"):
        reply = client.request(action, channel=channel)
        assert (error(reply), reply["field"]) == (("bad_field", action), "channel")


def test_broadcast_with_a_misspelt_field_sends_nothing(api: Api) -> None:
    client, other = api.connect(), api.connect()
    reply = client.request("broadcast", chanel="secret", data=1)
    assert (error(reply), reply["field"]) == (("bad_field", "broadcast"), "chanel")
    assert other.waiting() == 0


def test_error_repeats_id_and_action(api: Api) -> None:
    client = api.connect()
    client.send('{"action":"join","id":"r7"}')
    reply = client.receive()
    assert (reply["id"], reply["action"], reply["field"]) == ("r7", "join", "channel")


def test_reply_or_push_over_the_frame_limit_is_too_large(api: Api) -> None:
    client, other = api.connect(), api.connect()
    max_length = MAX_FRAME_BYTES - len('{"type":"echo","data":"","id":1}')
    assert client.request("echo", data="x" * max_length)["type"] == "echo"
    assert error(client.request("echo", data="x" * (max_length + 1))) == ("too_large", "echo")
    assert error(client.request("broadcast", data="ü" * (MAX_FRAME_BYTES // 2))) == (
        "too_large",
        "broadcast",
    )
    assert other.waiting() == 0


def test_exception_in_an_action_is_logged_but_not_sent(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = api.connect()

    def fail(connection_id: str) -> None:
        raise RuntimeError("the password is 1234")

    monkeypatch.setattr("chalicelib.storage.connections.get", fail)
    reply = client.request("join", channel="tea")
    assert error(reply) == ("internal", "join")
    assert "1234" not in json.dumps(reply)
    (record,) = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert re.fullmatch(
        rf"connection {client.connection_id}, request \S{{16}}", record.getMessage()
    )
    assert record.exc_info
    assert "1234" in str(record.exc_info[1])


def test_exception_is_told_to_clients_of_the_local_gateway_alone(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = api.connect()

    def fail(connection_id: str) -> None:
        raise RuntimeError("no such table")

    monkeypatch.setattr("chalicelib.storage.connections.get", fail)
    monkeypatch.setenv("CHALICE_WS_ISSUER", "http://localhost:8000/issuer")
    reply = client.request("join", channel="tea")
    assert error(reply) == ("internal", "join")
    place = re.escape(str(Path(__file__).relative_to(PROJECT)))
    assert re.match(rf"correct {place}:\d+: RuntimeError: no such table", reply["message"])
    # Each function on AWS has this variable, and cannot remove it.
    monkeypatch.setenv("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001")
    assert "RuntimeError" not in client.request("join", channel="tea")["message"]


@dataclass
class Done:
    seconds: int
    type: str = "done"


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (None, "action wave returned None; return a dict with a type"),
        ({"kind": "done"}, "action wave returned {'kind': 'done'}; return a dict with a type"),
        ("done", "action wave returned done; return a dict with a type"),
        ({"type": "done", "id": 7}, "action wave returned an id (got 7); use another name, such"),
        ({"type": "done", "at": {1}}, "TypeError: JSON has no set (got {1}); use str, int"),
        ({"type": "done", "at": math.nan}, "ValueError: JSON has no such value (got Out of range"),
        (SystemExit("no tea"), "SystemExit: no tea"),
    ],
)
def test_reply_that_is_none_is_told_with_the_line_of_the_action(
    monkeypatch: pytest.MonkeyPatch, result: object, message: str
) -> None:
    monkeypatch.setenv("CHALICE_WS_ISSUER", "http://localhost:8000/issuer")

    def run() -> object:
        if isinstance(result, SystemExit):
            raise result
        return result

    reply = run_action(monkeypatch, run)
    assert reply["code"] == "internal"
    assert re.search(r"correct tests/engine/protocol/test_router.py:\d+: ", reply["message"])
    assert message in reply["message"]


@pytest.mark.parametrize(
    ("name", "value", "place"),
    [
        # The fault is in the action, though the engine fails.
        ("CHANNEL_SHARDS", "1", r"tests/engine/protocol/test_router.py:\d+: KeyError: 'type'"),
        ("CHANNEL_SHARDS", "0", r".chalice/config.json: ValueError: CHANNEL_SHARDS is not valid"),
    ],
)
def test_failure_in_the_engine_is_told_with_the_place_to_correct(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, place: str
) -> None:
    monkeypatch.setenv("CHALICE_WS_ISSUER", "http://localhost:8000/issuer")
    monkeypatch.setenv(name, value)

    def fail() -> None:
        settings.channel_shards()
        pushes.publish({}, Invocation(float("inf")))

    assert re.match(f"correct {place}", run_action(monkeypatch, fail)["message"])


def test_dataclass_is_a_reply(monkeypatch: pytest.MonkeyPatch) -> None:
    reply = run_action(monkeypatch, lambda: Done(3))
    assert reply == {"type": "done", "seconds": 3}


def test_action_that_is_not_in_ws_actions_names_the_setting(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = api.connect()
    monkeypatch.setenv("WS_ACTIONS", "echo,...")
    reply = client.request("who", channel="tea")
    assert error(reply) == ("action_disabled", "who")
    assert reply["message"] == "send one of the actions echo: WS_ACTIONS does not have who"
    # A name that is no action switches nothing off, and is logged once.
    assert client.request("echo", data=1)["data"] == 1
    assert caplog.text.count("WS_ACTIONS has an unknown action (got '...'); use some of") == 1


def test_unknown_field_names_the_field_that_is_meant(api: Api) -> None:
    client = api.connect()
    reply = client.request("join", chanel="tea")
    assert reply["message"] == ("use channel: this action takes channel, since, limit (got chanel)")
    assert "leave it out" in client.request("join", channel="tea", colour=1)["message"]


def run_action(monkeypatch: pytest.MonkeyPatch, function: Callable[[], Any]) -> dict[str, Any]:
    """Return the reply of an action that returns what a function returns."""
    own = Router()

    @own.action()
    def wave(request: Request) -> Any:
        return function()

    monkeypatch.setenv("WS_ACTIONS", "wave")
    peer = Peer("api", "example.execute-api.us-east-1.amazonaws.com")
    context = LambdaContext("message", 512, 29_000)
    event = WebsocketEvent(peer.message('{"action":"wave"}'), context)
    return dict(json.loads(own.handle(event)))


def test_action_without_a_reply_type_is_named() -> None:
    router = Router()

    @router.action()
    def wave(request: Request) -> Any:
        pass

    frames = asyncapi.Frames(describe(router.actions, ()))
    with pytest.raises(AssertionError, match=r"action wave has no reply type: use a class with "):
        frames.message_name({"type": "waved"}, "wave")


def test_error_is_printed_for_a_test_that_fails(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    api.connect().request("join", channel="@bob")
    assert capsys.readouterr().out.startswith(
        'reply to join: {"type": "error", "code": "forbidden"'
    )


def test_busy_table_gets_try_again(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    client = api.connect()

    def busy(connection_id: str) -> None:
        raise Busy

    monkeypatch.setattr("chalicelib.storage.connections.get", busy)
    assert error(client.request("join", channel="tea")) == ("try_again", "join")


def test_client_without_its_row_must_connect_again(api: Api) -> None:
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
    assert list(channels.member_ids("lobby")) == []
    assert list(channels.member_ids("tea")) == []


def test_client_that_left_before_its_reply_raises_no_error(api: Api) -> None:
    client = api.connect()
    client.vanish()
    client.send('{"action":"echo","data":1}')


def test_reply_that_cannot_be_sent_is_logged(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(app.log, "propagate", True)
    client = api.connect()
    api.refusals[client.connection_id] = (403, "ForbiddenException")
    client.send('{"action":"help"}')
    assert client.connection_id in caplog.text

"""Apps as people have them, each with a WebSocket client and HTTP requests."""

import json
import os
import struct
import urllib.parse
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection

from tests.local.gateway import (
    APPS,
    SECONDS,
    Gateway,
    ask,
    client,
    ended,
    poll,
    running,
    serving,
)
from tests.local.test_invoke import invoke
from tests.local.test_rest import call, value


def post(gateway: Gateway, path: str, body: Any, **headers: str) -> Any:
    """Post JSON to a route."""
    content = json.dumps(body).encode()
    return call(gateway, "POST", path, content, Content_Type="application/json", **headers)


def receive(guest: ClientConnection) -> Any:
    """Return the next JSON message."""
    return json.loads(guest.recv(SECONDS))


def test_chat_with_rooms(app: Path, tmp_path: Path) -> None:
    with (
        running(app, "rooms", tmp_path) as gateway,
        client(gateway.url) as ann,
        client(gateway.url) as bob,
    ):
        assert ask(ann, "/name Ann") == "you are Ann"
        assert ask(bob, "/name Bob") == "you are Bob"
        assert ask(ann, "hello") == "enter a room first"
        assert ask(ann, "/enter tea") == "Ann enters"
        assert ask(bob, "/enter tea") == "Bob enters"
        assert ann.recv(SECONDS) == "Bob enters"
        assert ask(bob, "hello") == "Bob: hello"
        assert ann.recv(SECONDS) == "Bob: hello"
        assert ask(ann, "/who") == "Ann, Bob"
        bob.close()
        assert ann.recv(SECONDS) == "Bob leaves"


@pytest.mark.full
def test_login_over_rest_opens_the_websocket(app: Path, tmp_path: Path) -> None:
    with running(app, "login", tmp_path) as gateway:
        ann = {"name": "ann", "password": "secret"}
        assert post(gateway, "/signup", ann).status == 201
        answer = post(gateway, "/signup", ann)
        assert (answer.status, json.loads(answer.body)["Code"]) == (409, "ConflictError")
        form, kind = urllib.parse.urlencode(ann).encode(), "application/x-www-form-urlencoded"
        assert (
            call(gateway, "POST", "/login", b"name=ann&password=x", Content_Type=kind).status == 401
        )
        answer = call(gateway, "POST", "/login", form, Content_Type=kind)
        token = value(answer)["token"]
        assert answer.headers["Set-Cookie"] == f"token={token}; HttpOnly; Path=/"
        assert value(call(gateway, "GET", "/me", Authorization=f"Bearer {token}")) == {
            "name": "ann"
        }
        assert call(gateway, "GET", "/me", Authorization="Bearer x").status == 403
        assert call(gateway, "GET", "/me").status == 401
        with pytest.raises(InvalidStatus) as refused, client(f"{gateway.url}?token=x"):
            pass
        assert refused.value.response.status_code == 401
        with client(f"{gateway.url}?token={token}") as guest:
            assert ask(guest, "hello") == "HELLO"
        preflight = call(gateway, "OPTIONS", "/login", Origin="https://app.example.com")
        assert preflight.headers["Access-Control-Allow-Credentials"] == "true"


@pytest.mark.full
def test_orders_through_a_queue(app: Path, tmp_path: Path) -> None:
    with running(app, "orders", tmp_path) as gateway, client(gateway.url) as guest:
        order = value(post(gateway, "/orders", {"item": "tea"}))["id"]
        guest.send(json.dumps({"order": order}))
        assert receive(guest) == {"watching": order}
        assert receive(guest) == {"order": order, "state": "ready"}
        assert value(call(gateway, "GET", f"/orders/{order}")) == {"state": "ready"}
        value(post(gateway, "/invoices/ann", {"total": 3}))
        gateway.prints('invoice for ann: {"total": 3}')
        value(post(gateway, "/orders", {"item": "poison"}))
        gateway.prints("cannot make it")
        # The gateway goes on.
        assert call(gateway, "GET", "/orders/none").status == 404
        gateway.prints("clean (schedule cron(0 3 * * ? *)): run it with")
        done = invoke(app, gateway.project, gateway.port, "clean")
        assert json.loads(done.stdout) == {"deleted": 1}, done.stderr


@pytest.mark.full
def test_blueprints_and_middleware(app: Path, tmp_path: Path) -> None:
    with running(app, "blueprints", tmp_path) as gateway, client(gateway.url) as guest:
        assert ask(guest, "hello") == "echo hello"
        guest.send("forbidden")
        assert ask(guest, "again") == "echo again"
        answer = call(gateway, "GET", "/items?tag=a&tag=b")
        assert value(answer) == {"tags": ["a", "b"]}
        assert answer.headers["X-Version"] == "7"
        assert value(call(gateway, "PUT", "/items/5")) == {"item": "5", "method": "PUT"}
        answer = call(gateway, "GET", "/items/0")
        assert (answer.status, json.loads(answer.body)) == (422, {"error": "no item 0"})
        # debug=True shows the traceback.
        answer = call(gateway, "GET", "/admin/crash")
        assert (answer.status, b"crashed" in answer.body) == (500, True)
        done = invoke(app, gateway.project, gateway.port, "admin_report")
        assert json.loads(done.stdout) == {"report": "Scheduled Event"}, done.stderr
        result = json.loads(gateway.invoke("admin_reset", {"what": "all"}).body)
        assert result == {"reset": "all", "left": True}


@pytest.mark.full
def test_pydantic_layers_and_vendor(app: Path, tmp_path: Path) -> None:
    with running(app, "models", tmp_path) as gateway, client(gateway.url) as guest:
        assert ask(guest, '{"action": "draw", "width": 3, "height": 4}') == "12 cm2"
        (problem,) = json.loads(ask(guest, '{"action": "draw", "width": 0, "height": 4}'))
        assert problem["loc"] == ["draw", "width"]
        body = {"action": "draw", "width": 1, "height": 2, "unit": "m"}
        assert value(post(gateway, "/draw", body)) == body
        answer = post(gateway, "/draw", {"action": "draw"})
        assert (answer.status, json.loads(answer.body)["Message"]) == (400, "2 errors")


@pytest.mark.full
def test_dashboard_with_binary_readings(app: Path, tmp_path: Path) -> None:
    readings = struct.pack("<3f", 1.5, 21.25, 3)
    headers = {"Content_Type": "application/vnd.readings", "X_Device_Key": "k-1"}
    with running(app, "dashboard", tmp_path) as gateway:
        assert gateway.url.endswith("/live")
        with client(gateway.url) as one, client(gateway.url) as two:
            answer = value(call(gateway, "POST", "/readings/oven", readings, **headers))
            assert answer == {"count": 3, "shown": 2}
            assert (one.recv(SECONDS), two.recv(SECONDS)) == ("oven: 21.2", "oven: 21.2")
            headers["X_Device_Key"] = "wrong"
            assert call(gateway, "POST", "/readings/oven", readings, **headers).status == 403
        export = call(gateway, "GET", "/export", Accept_Encoding="gzip")
        assert export.headers["Content-Disposition"] == "attachment; filename=a.csv"
        assert export.headers["Content-Encoding"] == "gzip"
        assert call(gateway, "HEAD", "/export").body == b""
        page = call(gateway, "GET", "/")
        assert page.headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.full
def test_game_of_two_authorized_players(app: Path, tmp_path: Path) -> None:
    option = '--authorizer={"principalId": "route.request.querystring.player"}'
    with running(app, "game", tmp_path, option) as gateway:
        ann, bob = (f"{gateway.url}?game=1&player={name}" for name in ("ann", "bob"))
        with client(ann) as one, client(bob) as two:
            with pytest.raises(InvalidStatus) as refused, client(bob):
                pass
            assert refused.value.response.status_code == 409
            two.send('{"game": "1", "cell": 0}')
            assert receive(two) == {"error": "ann moves"}
            players = [one, two]
            for number, cell in enumerate((0, 3, 1, 4, 2)):
                players[number % 2].send(json.dumps({"game": "1", "cell": cell}))
                seen = [receive(each) for each in players]
                assert seen[0] == seen[1]
            assert seen[0] == {"board": "XXXOO....", "winner": "ann"}
            assert [ended(each)[0] for each in players] == [1000, 1000]
        gateway.prints("left: ann")
        gateway.prints("left: bob")


@pytest.mark.full
def test_notifications_from_sns(app: Path, tmp_path: Path) -> None:
    with running(app, "alerts", tmp_path) as gateway, client(gateway.url) as guest:
        assert json.loads(ask(guest, '{"topics": ["Fire"]}')) == {"subscribed": ["Fire"]}
        gateway.prints("on_alarm (SNS topic alarms): run it with")
        sns = {"Subject": "Fire", "Message": '{"floor": 3}', "MessageAttributes": {}}
        event = tmp_path / "event.json"
        event.write_text(json.dumps({"Records": [{"EventSource": "aws:sns", "Sns": sns}]}))
        done = invoke(app, gateway.project, gateway.port, "on_alarm", f"--event={event}")
        assert done.stdout == "1\n", done.stderr
        assert receive(guest) == {"topic": "Fire", "alarm": {"floor": 3}}
        assert value(post(gateway, "/alarms/Water", {})) == {"delivered": 0}
        assert value(post(gateway, "/alarms/Fire", {"floor": 1})) == {"delivered": 1}
        assert receive(guest)["alarm"] == {"floor": 1}


def test_subfolder_of_a_monorepo(app: Path, tmp_path: Path) -> None:
    repository = copytree(APPS / "monorepo", tmp_path / "monorepo")
    project = repository / "services" / "ws"
    (project / "vendor").mkdir()
    os.symlink("../../../packages/common/common", project / "vendor" / "common")
    with serving(app, project, tmp_path) as gateway, client(gateway.url) as guest:
        assert ask(guest, "ann") == "hello ann"
        assert ask(guest, "eve") == "who are you?"
        assert value(call(gateway, "GET", "/version")) == {"version": "1.2"}
        # The data files of the app are reloaded too.
        (project / "chalicelib" / "names.txt").write_text("ann bob eve")
        poll(lambda: ask(guest, "eve") == "hello eve" or None)

"""The local issuer: `make token`, and the web pages that may ask it for a token."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jwt
import pytest
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from tests.local.gateway import Gateway, ask, client, serving

ALLOWED = "http://localhost:5173"


def with_variables(app: Path, folder: Path, **variables: str) -> Path:
    """Return a copy of an app with more environment variables in stage dev."""
    project = shutil.copytree(app, folder / "app")
    path = project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"]["dev"]["environment_variables"] |= variables
    path.write_text(json.dumps(config))
    return project


@contextmanager
def issuing(app: Path, folder: Path) -> Iterator[Gateway]:
    """Run an app that has AUTH jwt and names no issuer. A page of another server may sign in."""
    project = with_variables(app, folder, AUTH="jwt")
    with serving(project, project, folder, f"--allow-origin={ALLOWED}") as running:
        yield running


@pytest.fixture(scope="module")
def gateway(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with issuing(app, tmp_path_factory.mktemp("issuer")) as running:
        yield running


def post(gateway: Gateway, body: object, **headers: str) -> tuple[int, dict[str, str], Any]:
    """Ask for a token; return the status, the headers and the JSON of the answer."""
    answer = gateway.http("POST", "/issuer/token", json.dumps(body).encode(), **headers)
    return answer.status, dict(answer.headers.items()), json.loads(answer.body)


def token_command(app: Path, port: int, *more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", "-m", "chalice_ws", "token", f"--port={port}", *more]
    return subprocess.run(command, cwd=app, capture_output=True, text=True)


def protocols(token: str) -> list[Subprotocol]:
    return [Subprotocol("chalice-ws.v1"), Subprotocol(token)]


def test_printed_token_signs_in(app: Path, gateway: Gateway) -> None:
    done = token_command(app, gateway.port, "--user=ann", "--name=Ann B")
    assert (done.returncode, done.stderr) == (0, "")
    with client(gateway.url, subprotocols=protocols(done.stdout.strip())) as socket:
        assert socket.subprotocol == "chalice-ws.v1"
        (member,) = json.loads(ask(socket, '{"action": "who", "channel": "lobby"}'))["members"]
        assert (member["user"], member["name"]) == ("ann", "Ann B")
    assert done.stdout.strip() not in gateway.printed()


def test_user_of_other_characters_gets_an_id_that_the_app_takes(
    app: Path, gateway: Gateway
) -> None:
    done = token_command(app, gateway.port, "--user=Jörg #1")
    with client(gateway.url, subprotocols=protocols(done.stdout.strip())) as socket:
        members = json.loads(ask(socket, '{"action": "who", "channel": "lobby"}'))["members"]
    # A client of another test may not have left yet.
    assert ("J%C3%B6rg%20%231", "Jörg #1") in [(each["user"], each["name"]) for each in members]


def test_make_token_prints_a_token_alone(app: Path, gateway: Gateway) -> None:
    bin_folder = Path(sys.executable).parent.parent
    done = subprocess.run(
        [
            *("make", "-s", "token", "USER=ann", f"PORT={gateway.port}"),
            *("-o", "install", f"VENV={bin_folder}"),
        ],
        cwd=gateway.project,
        capture_output=True,
        text=True,
    )
    claims = jwt.decode(done.stdout.strip(), options={"verify_signature": False})
    assert (claims["sub"], done.stderr) == ("ann", "")


@pytest.mark.parametrize("token", [None, "", "x", "a.b.c"])
def test_client_without_a_valid_token_is_refused(gateway: Gateway, token: str | None) -> None:
    given = None if token is None else protocols(token) if token else protocols("x")[:1]
    with pytest.raises(InvalidStatus) as refused, client(gateway.url, subprotocols=given):
        pass
    assert refused.value.response.status_code == 401


def test_longest_token_connects_and_a_longer_one_is_refused(gateway: Gateway) -> None:
    def token(padding: int) -> str:
        claims = {"x": "x" * padding}
        return str(post(gateway, {"user": "ann", "claims": claims})[2]["token"])

    # Three bytes are four letters of base64.
    padding = (8192 - len(token(0))) * 3 // 4 - 3
    longest, longer = token(padding), token(padding + 6)
    assert 8180 <= len(longest) <= 8192 < len(longer)
    with client(gateway.url, subprotocols=protocols(longest)) as socket:
        assert socket.subprotocol == "chalice-ws.v1"
    with pytest.raises(InvalidStatus, match="401"):
        client(gateway.url, subprotocols=protocols(longer)).__enter__()


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost:9999"},
        {"Origin": "https://evil.example.com"},
        {"Origin": "null"},
        {"Host": "evil.example.com"},
        {"Host": "evil.example.com", "Origin": "http://evil.example.com"},
    ],
)
def test_other_web_page_gets_no_token(gateway: Gateway, headers: dict[str, str]) -> None:
    status, answered, body = post(gateway, {"user": "ann"}, **headers)
    assert status == 403
    assert "Access-Control-Allow-Origin" not in answered
    assert "token" not in body


def test_own_page_and_allowed_page_get_a_token(gateway: Gateway) -> None:
    own = gateway.page.rstrip("/")
    for origin in (own, ALLOWED):
        status, headers, body = post(gateway, {"user": "ann"}, Origin=origin)
        assert (status, headers["Access-Control-Allow-Origin"]) == (200, origin)
        assert headers["Cache-Control"] == "no-store"
        assert body.keys() == {"token", "expires_in"}
    assert json.loads(gateway.http("GET", "/config.json").body)["tokens"] == "issuer/token"


@pytest.mark.parametrize(
    "body", [None, [], {}, {"user": ""}, {"user": 1}, {"user": "a", "claims": 1}]
)
def test_request_that_is_not_valid_is_explained(gateway: Gateway, body: object) -> None:
    status, _, answer = post(gateway, body)
    assert (status, answer) == (400, {"message": 'the body is not valid; send {"user": "ann"}'})


def test_command_without_a_gateway_says_so(app: Path) -> None:
    done = token_command(app, 1, "--user=ann")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: no local gateway answers at http://127.0.0.1:1 (got ")


def test_app_without_sign_in_gives_no_token(app: Path, tmp_path: Path) -> None:
    with serving(app, app, tmp_path) as gateway:
        done = token_command(app, gateway.port, "--user=ann")
        config = json.loads(gateway.http("GET", "/config.json").body)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: sign-in is switched off (got AUTH 'none'); "
        'set "AUTH": "jwt" in .chalice/config.json, stage dev\n'
    )
    assert "tokens" not in config


@pytest.mark.full
def test_app_with_another_issuer_gets_no_token_here(app: Path, tmp_path: Path) -> None:
    issuer = "https://issuer.example.com/"
    project = with_variables(app, tmp_path, AUTH="jwt", AUTH_ISSUER=issuer, AUTH_AUDIENCE="a")
    with serving(project, project, tmp_path) as gateway:
        done = token_command(app, gateway.port, "--user=ann")
    assert done.stderr == f"error: the app takes tokens of {issuer}; sign in there\n"


@pytest.mark.full
def test_sign_in_switched_on_later_works_after_reload(app: Path, tmp_path: Path) -> None:
    project = with_variables(app, tmp_path)
    with serving(project, project, tmp_path) as gateway:
        with client(gateway.url):
            pass
        path = project / ".chalice" / "config.json"
        config = json.loads(path.read_text())
        config["stages"]["dev"]["environment_variables"]["AUTH"] = "jwt"
        path.write_text(json.dumps(config))
        gateway.prints("loaded again")
        token = post(gateway, {"user": "ann"})[2]["token"]
        with client(gateway.url, subprotocols=protocols(token)) as socket:
            assert socket.subprotocol == "chalice-ws.v1"
        with pytest.raises(InvalidStatus, match="401"):
            client(gateway.url).__enter__()

"""No token stands in what the gateway, the app and the commands print."""

import json
import subprocess
import sys
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from tests.local.gateway import SECONDS, Gateway, ask, client, serving
from tests.local.test_issuer import post, protocols, with_variables

# An app that prints its event and then fails is the worst case that the gateway can prevent.
FAILURE = """
@app.lambda_function()
def broken(event, context):
    raise ValueError("broken")
"""


def connects(gateway: Gateway, *given: Subprotocol, query: str = "", **headers: str) -> bool:
    """Return whether a handshake with these subprotocols and headers is accepted."""
    with suppress(InvalidStatus):
        address = f"{gateway.url}{query}"
        with client(address, subprotocols=given or None, additional_headers=headers) as socket:
            assert json.loads(ask(socket, '{"action": "echo", "data": 1}'))["data"] == 1
            return True
    return False


@pytest.mark.full
def test_token_is_printed_by_nothing_but_its_own_command(app: Path, tmp_path: Path) -> None:
    project = with_variables(app, tmp_path, AUTH="jwt")
    with (project / "app.py").open("a") as file:
        file.write(FAILURE)
    printed = ""

    def run(*arguments: str, answer: str = "") -> int:
        nonlocal printed
        done = subprocess.run(
            [sys.executable, "-B", "-m", "chalice_ws", *arguments],
            cwd=project,
            input=answer,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        printed += done.stdout + done.stderr
        return done.returncode

    with serving(project, project, tmp_path) as gateway:

        def token(**claims: object) -> str:
            return str(post(gateway, {"user": "ann", "claims": claims})[2]["token"])

        valid, expired, early = token(), token(exp=1), token(nbf=4_000_000_000)
        head, payload, signature = token(jti="forged").split(".")
        forged = f"{head}.{payload}.{signature[::-1]}"
        used = [valid, expired, early, forged, f"{'x' * 9000}.a.b", f"{head}.{payload}."]
        for each in used:
            assert connects(gateway, *protocols(each)) == (each == valid)
            assert connects(gateway, Authorization=f"Bearer {each}") == (each == valid)
            # Only the first subprotocol names the second.
            assert not connects(gateway, Subprotocol(each))
        assert not connects(gateway, query=f"?token={valid}")
        port = f"--port={gateway.port}"
        assert run("connect", port, "--token", valid, answer='{"action": "help"}\n') == 0
        assert run("connect", port, "--token", expired) == 1
        assert run("connect", "--token", valid, "ws://127.0.0.1:1/api") == 1
        (project / "event.json").write_text(json.dumps({"user": "ann"}))
        assert run("invoke", "sign_out", port, "--event=event.json") == 0
        # It is older than the sign-out.
        assert not connects(gateway, *protocols(valid))
        run("invoke", "broken", port)
        connection = HTTPConnection("127.0.0.1", gateway.port, timeout=SECONDS)
        for path in ("/", "/config.json", "/api/rest", "/issuer/token"):
            headers = {"Authorization": f"Bearer {valid}", "Cookie": f"token={valid}"}
            connection.request("GET", f"{path}?token={valid}", headers=headers)
            connection.getresponse().read()
        connection.close()
        gateway.prints("refused: the token")
        printed += gateway.printed()
    for each in used:
        # A header is the same in all tokens of a key, and no secret.
        for part in filter(None, each.split(".")[1:]):
            assert len(part) == 1 or part not in printed
    assert head not in printed

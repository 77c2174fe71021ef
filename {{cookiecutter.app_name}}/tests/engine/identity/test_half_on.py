"""Sign-in that is half on: nobody connects, and one line in the log says why."""

import sys

import pytest

from chalicelib import settings
from tests.client import Api, Rejected
from tests.engine.identity.conftest import connect
from tests.support.issuer import FakeIssuer

SECRET = "hunter2, which is no name"

# The variables to change, None to remove one, and the start of the line.
HALF_ON: dict[str, tuple[dict[str, str | None], str]] = {
    "no issuer": ({"AUTH_ISSUER": None}, "AUTH_ISSUER is not valid (got ''); use "),
    "no audience": ({"AUTH_AUDIENCE": None}, "AUTH_AUDIENCE is not valid (got ''); use "),
    "empty audience": ({"AUTH_AUDIENCE": "a,"}, "AUTH_AUDIENCE is not valid (got 'a,'); use "),
    "no AUTH": ({"AUTH": None}, "AUTH is not valid (got ''); use jwt, which AUTH_ISSUER needs"),
    "unknown AUTH": ({"AUTH": "JWT"}, "AUTH is not valid (got 'JWT'); use none or jwt"),
    "http issuer": (
        {"AUTH_ISSUER": "http://issuer.example.com"},
        "AUTH_ISSUER is not valid (got 'http://issuer.example.com'); use ",
    ),
    "issuer with a query": (
        {"AUTH_ISSUER": "https://issuer.example.com/?a"},
        "AUTH_ISSUER is not valid (got 'https://issuer.example.com/?a'); use ",
    ),
    "host that looks like loopback": (
        {"AUTH_ISSUER": "http://localhost.example.com"},
        "AUTH_ISSUER is not valid (got 'http://localhost.example.com'); use ",
    ),
    "user of an issuer": (
        {"AUTH_ISSUER": "http://127.0.0.1@example.com/"},
        "AUTH_ISSUER is not valid (got 'http://127.0.0.1@example.com/'); use ",
    ),
    "algorithm none": (
        {"AUTH_ALGORITHMS": "none"},
        "AUTH_ALGORITHMS is not valid (got 'none'); use some of RS256, ES256, HS256",
    ),
    "HS256 without a secret": (
        {"AUTH_ALGORITHMS": "RS256,HS256"},
        "AUTH_SECRET is not valid (got 0 characters); use the name of an SSM parameter",
    ),
    "secret without HS256": (
        {"AUTH_SECRET": "/chat/secret"},
        "AUTH_ALGORITHMS is not valid (got 'RS256,ES256'); use HS256 with AUTH_SECRET",
    ),
    "secret in place of its name": (
        {"AUTH_ALGORITHMS": "HS256", "AUTH_SECRET": SECRET},
        "AUTH_SECRET is not valid (got 25 characters); use the name of an SSM parameter",
    ),
}


def line_of_refusal(api: Api, issuer: FakeIssuer, caplog: pytest.LogCaptureFixture) -> str:
    """Connect with a token that is valid otherwise; return the only line in the log."""
    with pytest.raises(Rejected, match="401"):
        connect(api, issuer.token())
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    return record.getMessage().partition(" refused: ")[2]


@pytest.mark.parametrize("case", HALF_ON)
def test_setting_that_is_missing_or_not_valid_refuses_everybody(
    api: Api,
    issuer: FakeIssuer,
    case: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    variables, start = HALF_ON[case]
    for name, value in variables.items():
        if value is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, value)
    assert line_of_refusal(api, issuer, caplog).startswith(start)
    assert SECRET not in caplog.text
    assert issuer.requests == []


@pytest.mark.parametrize("package", ["jwt", "cryptography", "PyJWT 2.14.1"])
def test_package_that_is_missing_or_too_old_refuses_everybody(
    api: Api,
    issuer: FakeIssuer,
    package: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    # As in a new process, which has not imported the module.
    monkeypatch.delitem(sys.modules, "chalicelib.identity.tokens", raising=False)
    monkeypatch.delattr("chalicelib.identity.tokens", raising=False)
    if " " in package:
        monkeypatch.setattr("jwt.__version__", package.split()[1])
    else:
        monkeypatch.setitem(sys.modules, package, None)
    line = line_of_refusal(api, issuer, caplog)
    assert line.startswith("sign-in needs a package (got ")
    assert package in line
    assert line.endswith("; add PyJWT[crypto]>=2.15,<3 to requirements.txt")


def test_sign_in_that_is_off_ignores_tokens(
    api: Api, issuer: FakeIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH", "none")
    client = connect(api, "no token at all")
    assert client.answer["headers"] == {"Sec-WebSocket-Protocol": "chalice-ws.v1"}
    (member,) = client.request("who", channel="lobby")["members"]
    assert "user" not in member


@pytest.mark.parametrize(
    "value",
    [
        "*",
        "https://*.example.com",
        "null",
        "chat.example.com",
        "https://chat.example.com/",
        "https://chat.example.com:443",
        "http://chat.example.com:80",
        "HTTPS://chat.example.com",
        "https://Chat.example.com",
        "wss://chat.example.com",
        "https://a.example,",
        "https://a.example;https://b.example",
        "https://a.example https://b.example",
        "https://user@a.example",
        "https://bücher.example",
    ],
)
def test_origin_that_is_not_valid_is_reported(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", value)
    with pytest.raises(ValueError, match=r"ALLOWED_ORIGINS is not valid .*; use origins such as"):
        settings.allowed_origins()


@pytest.mark.parametrize(
    "value",
    [
        "https://chat.example.com",
        "http://localhost:8000",
        "http://[::1]:8000",
        "capacitor://localhost",
        "https://xn--bcher-kva.example:8443",
    ],
)
def test_origin_as_a_browser_sends_it_is_valid(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", f" {value} , https://b.example")
    assert settings.allowed_origins() == [value, "https://b.example"]

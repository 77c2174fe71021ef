"""The local issuer's code flow with PKCE, as a client library of OpenID Connect does it."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest

from tests.local.gateway import Answer, Gateway, client
from tests.local.test_issuer import ALLOWED, issuing, protocols

CALLBACK = f"{ALLOWED}/callback?from=sign-in"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=")
REQUEST = {
    "response_type": "code",
    "client_id": "spa",
    "redirect_uri": CALLBACK,
    "scope": "openid profile",
    "state": "a state",
    "nonce": "n",
    "code_challenge": CHALLENGE.decode(),
    "code_challenge_method": "S256",
}
EXCHANGE = {
    "grant_type": "authorization_code",
    "client_id": "spa",
    "redirect_uri": CALLBACK,
    "code_verifier": VERIFIER,
}


@pytest.fixture(scope="module")
def gateway(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with issuing(app, tmp_path_factory.mktemp("code")) as running:
        yield running


def authorize(gateway: Gateway, **changes: str) -> Answer:
    query = {name: value for name, value in {**REQUEST, **changes}.items() if value != "-"}
    return gateway.http("GET", f"/issuer/authorize?{urlencode(query)}")


def answer(gateway: Gateway, **changes: str) -> dict[str, str]:
    """Return the query with which the issuer leads back to the client."""
    response = authorize(gateway, **changes)
    assert response.status == 302, response.body
    location = urlsplit(response.headers["Location"])
    assert location._replace(query="").geturl() == f"{ALLOWED}/callback"
    return {name: value for name, (value,) in parse_qs(location.query).items()}


def exchange(gateway: Gateway, code: str, **changes: str) -> tuple[int, dict[str, Any]]:
    headers = {"Origin": ALLOWED, "Content-Type": "application/x-www-form-urlencoded"}
    form = urlencode({**EXCHANGE, "code": code, **changes})
    response = gateway.http("POST", "/issuer/token", form.encode(), **headers)
    assert response.headers["Access-Control-Allow-Origin"] == ALLOWED
    assert response.headers["Cache-Control"] == "no-store"
    return response.status, json.loads(response.body)


def test_person_signs_in_with_the_code_flow(gateway: Gateway) -> None:
    found = gateway.http("GET", "/issuer/.well-known/openid-configuration", Origin=ALLOWED)
    assert found.headers["Access-Control-Allow-Origin"] == ALLOWED
    document = json.loads(found.body)
    issuer = document["issuer"]
    assert document["authorization_endpoint"] == f"{issuer}/authorize"
    assert document["token_endpoint"] == f"{issuer}/token"
    form = authorize(gateway, state='"><script>', login_hint="ann")
    assert form.status == 200
    assert b"<script>" not in form.body
    fields = dict(re.findall(r'name="(\w+)" value="([^"]*)"', form.body.decode()))
    back = answer(gateway, **{name: unescape(value) for name, value in fields.items()})
    assert (back["from"], back["state"], back["iss"]) == ("sign-in", '"><script>', issuer)
    status, tokens = exchange(gateway, back["code"])
    assert (status, tokens["token_type"], tokens["expires_in"]) == (200, "Bearer", 3600)
    keys = jwt.PyJWKSet.from_dict(json.loads(gateway.http("GET", "/issuer/keys").body))
    claims = jwt.decode(tokens["id_token"], keys.keys[0], ["ES256"], audience="spa", issuer=issuer)
    assert (claims["sub"], claims["nonce"], claims["azp"]) == ("ann", "n", "spa")
    assert claims["iat"] == int(claims["iat"])
    for name in ("id_token", "access_token"):
        with client(gateway.url, subprotocols=protocols(tokens[name])) as socket:
            assert socket.subprotocol == "chalice-ws.v1"
    # A code is used once.
    assert exchange(gateway, back["code"])[1]["error"] == "invalid_grant"
    assert not any(each in gateway.printed() for each in (back["code"], tokens["id_token"]))


@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "w" * 43},
        {"code_verifier": ""},
        {"client_id": "other"},
        {"redirect_uri": f"{ALLOWED}/"},
        {"code": "other"},
    ],
)
def test_code_of_another_sign_in_gives_no_token(gateway: Gateway, changes: dict[str, str]) -> None:
    code = answer(gateway, user="ann")["code"]
    status, body = exchange(gateway, **{"code": code, **changes})
    assert (status, body["error"]) == (400, "invalid_grant")


def test_client_may_have_a_secret_and_no_pkce(gateway: Gateway) -> None:
    """A server's library sends its client id and secret in a header."""
    changes = {"redirect_uri": "http://127.0.0.1:5000/", "user": "ann"}
    response = authorize(gateway, code_challenge="-", code_challenge_method="-", **changes)
    (code,) = parse_qs(urlsplit(response.headers["Location"]).query)["code"]
    form = {**EXCHANGE, "code": code, "redirect_uri": changes["redirect_uri"]}
    del form["client_id"], form["code_verifier"]
    basic = {"Authorization": f"Basic {base64.b64encode(b'spa:secret').decode()}"}
    answered = gateway.http("POST", "/issuer/token", urlencode(form).encode(), **basic)
    assert (answered.status, "id_token" in json.loads(answered.body)) == (200, True)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"prompt": "none"}, "login_required"),
    ],
)
def test_request_that_is_not_valid_goes_back_with_an_error(
    gateway: Gateway, changes: dict[str, str], error: str
) -> None:
    back = answer(gateway, **changes)
    assert (back["error"], back["state"], "code" in back) == (error, "a state", False)


@pytest.mark.parametrize(
    "address",
    [
        "-",
        "/callback",
        "https://evil.example/",
        f"{ALLOWED}.evil.example/",
        "http://ann@localhost:5173/",
        "http://evil.example\\.localhost/",
        "http://[localhost/",
        "http://localhost:5173/#part",
        "javascript:alert(1)",
    ],
)
def test_sign_in_returns_to_no_other_address(gateway: Gateway, address: str) -> None:
    response = authorize(gateway, user="ann", redirect_uri=address)
    assert (response.status, "Location" in response.headers) == (400, False)
    assert "redirect_uri is not valid (got" in json.loads(response.body)["message"]

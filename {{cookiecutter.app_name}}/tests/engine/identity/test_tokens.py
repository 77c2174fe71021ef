"""Tokens that let a client connect, and tokens that do not."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib import settings
from chalicelib.storage import channels, connections, table
from tests.client import Api, Rejected
from tests.engine.identity.conftest import connect
from tests.support.examples import some
from tests.support.issuer import FakeIssuer, private_key, public_jwk

EVIL = "https://evil.example.com"


def encoded(value: Any) -> str:
    text = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def unsigned(issuer: FakeIssuer, **header: Any) -> str:
    return f"{encoded({'typ': 'JWT', **header})}.{encoded(issuer.claims())}."


def signed_with_public_key(issuer: FakeIssuer) -> str:
    """Return a token that is signed with HS256, and the RSA key's public part as its secret."""
    key = private_key("RS256").public_key()
    pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head = f"{encoded({'typ': 'JWT', 'alg': 'HS256', 'kid': 'rsa'})}.{encoded(issuer.claims())}"
    return f"{head}.{encoded(hmac.digest(pem, head.encode(), hashlib.sha256))}"


def signed_with_other_key(issuer: FakeIssuer, **headers: Any) -> str:
    key = private_key("ES256", 1)
    return jwt.encode(issuer.claims(), key, "ES256", {"kid": "ec", **headers})


def with_other_payload(issuer: FakeIssuer) -> str:
    head, _, signature = issuer.token().split(".")
    return f"{head}.{encoded(issuer.claims(sub='bob'))}.{signature}"


REFUSED: dict[str, Callable[[FakeIssuer], str]] = {
    "garbage": lambda issuer: "garbage",
    "three dots": lambda issuer: "...",
    "not base64": lambda issuer: "a.b.c",
    "five parts": lambda issuer: issuer.token() + ".a.b",
    "not JSON": lambda issuer: f"{encoded(b'{')}.{encoded(b'{')}.{encoded(b'x')}",
    "header is a list": lambda issuer: f"{encoded([])}.{encoded({})}.{encoded(b'x')}",
    "deep header": lambda issuer: f"{encoded(b'[' * 2500)}.{encoded({})}.{encoded(b'x')}",
    "too long": lambda issuer: issuer.token(more="x" * 8192),
    "other payload": with_other_payload,
    "other key": signed_with_other_key,
    "embedded key": lambda issuer: signed_with_other_key(
        issuer, jwk=public_jwk("ES256", "ec", 1), jku=f"{EVIL}/keys", x5u=f"{EVIL}/x5u"
    ),
    "unknown kid": lambda issuer: issuer.token(headers={"kid": "unknown"}),
    "no kid, and other key": lambda issuer: jwt.encode(
        issuer.claims(), private_key("ES256", 1), "ES256"
    ),
    "kid is a path": lambda issuer: issuer.token(headers={"kid": "../../../dev/null"}),
    "alg none": lambda issuer: unsigned(issuer, alg="none"),
    "alg None": lambda issuer: unsigned(issuer, alg="None"),
    "alg is missing": lambda issuer: unsigned(issuer),
    "alg is a list": lambda issuer: unsigned(issuer, alg=["ES256"]),
    "alg is not allowed": lambda issuer: jwt.encode(
        issuer.claims(), private_key("RS256"), "RS512", {"kid": "rsa"}
    ),
    "HS256 with the public key": signed_with_public_key,
    "key of another algorithm": lambda issuer: issuer.token(headers={"kid": "rsa"}),
    "crit": lambda issuer: issuer.token(headers={"crit": ["exp"], "exp": 1}),
    "logout token": lambda issuer: issuer.token(headers={"typ": "logout+jwt"}),
    "typ is a number": lambda issuer: issuer.token(headers={"typ": 1}),
    "expired": lambda issuer: issuer.token(exp=int(time.time())),
    "no exp": lambda issuer: issuer.token(exp=None),
    "exp is a word": lambda issuer: issuer.token(exp="tomorrow"),
    "exp is infinite": lambda issuer: issuer.token(exp=float("inf")),
    "exp is not a number": lambda issuer: issuer.token(exp=float("nan")),
    "not yet valid": lambda issuer: issuer.token(nbf=int(time.time()) + 600),
    "issued in the future": lambda issuer: issuer.token(iat=int(time.time()) + 600),
    "no iss": lambda issuer: issuer.token(iss=None),
    "other iss": lambda issuer: issuer.token(iss=EVIL),
    "iss with a slash": lambda issuer: issuer.token(iss=f"{issuer.url}/"),
    "iss is a list": lambda issuer: issuer.token(iss=[issuer.url]),
    "no aud": lambda issuer: issuer.token(aud=None),
    "other aud": lambda issuer: issuer.token(aud="another-app"),
    "part of aud": lambda issuer: issuer.token(aud="the-app-2"),
    "empty aud": lambda issuer: issuer.token(aud=""),
    "aud is an object": lambda issuer: issuer.token(aud={"the-app": 1}),
    "other aud, right azp": lambda issuer: issuer.token(aud="another-app", azp="the-app"),
    "other aud, right client_id": lambda issuer: issuer.token(
        aud="another-app", token_use="access", client_id="the-app"
    ),
    "client_id of an ID token": lambda issuer: issuer.token(
        aud=None, token_use="id", client_id="the-app"
    ),
    "no sub": lambda issuer: issuer.token(sub=None),
    "empty sub": lambda issuer: issuer.token(sub=""),
    "sub with a space": lambda issuer: issuer.token(sub="ann b"),
    "sub with #": lambda issuer: issuer.token(sub="ann#0"),
    "sub with another script": lambda issuer: issuer.token(sub="ånn"),
    "sub that is too long": lambda issuer: issuer.token(sub="a" * 129),
    "sub with a line break": lambda issuer: issuer.token(sub="ann\n"),
}


# A part of the line in the log.
REASONS = {
    "too long": "too long",
    "other payload": "signature is wrong",
    "other key": "signature is wrong",
    "embedded key": "signature is wrong",
    "unknown kid": "none of the issuer's",
    "key of another algorithm": "none of the issuer's",
    "expired": "expired",
    "not yet valid": "not yet valid",
    "other iss": "another issuer",
    "other aud": "another audience",
    "no exp": "no exp, iss or sub",
    "no sub": "no exp, iss or sub",
    "sub with #": "sub is not",
}


@pytest.mark.parametrize("case", REFUSED)
def test_token_that_is_not_valid_is_refused(
    api: Api, issuer: FakeIssuer, caplog: pytest.LogCaptureFixture, case: str
) -> None:
    connect(api, issuer.token()).disconnect()
    token = REFUSED[case](issuer)
    with pytest.raises(Rejected, match="401"):
        connect(api, token)
    assert list(channels.member_ids("lobby")) == []
    (record,) = [each for each in caplog.records if each.name != "botocore"]
    assert record.levelname == "WARNING"
    assert " refused: the token" in record.getMessage()
    assert REASONS.get(case, "") in record.getMessage()
    assert not any(len(part) > 3 and part in caplog.text for part in token.split("."))


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_token_with_one_changed_letter_is_refused(
    api: Api, issuer: FakeIssuer, algorithm: str
) -> None:
    token = issuer.token(algorithm=algorithm)
    changed = [
        token[:position] + letter + token[position + 1 :]
        for position in range(0, len(token), 3)
        for letter in "A._-9="
        if letter != token[position]
    ]
    for each in some(changed, 100):
        with pytest.raises(Rejected, match="401"):
            connect(api, each)


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("Sec-WebSocket-Protocol", "chalice-ws.v1")],
        [("Sec-WebSocket-Protocol", "{token}")],
        [("Sec-WebSocket-Protocol", "{token}, chalice-ws.v1")],
        [("Sec-WebSocket-Protocol", "other, {token}")],
        [("Sec-WebSocket-Protocol", "chalice-ws.v1, {token}, {token}")],
        [("Authorization", "{token}")],
        [("Authorization", "Basic {token}")],
        [("Cookie", "token={token}")],
    ],
)
def test_token_at_another_place_is_missing(
    api: Api, issuer: FakeIssuer, headers: list[tuple[str, str]]
) -> None:
    token = issuer.token()
    with pytest.raises(Rejected, match="401"):
        api.connect([(name, value.format(token=token)) for name, value in headers])


@pytest.mark.parametrize("name", ["token", "access_token", "authorization", "Authorization"])
def test_token_in_the_query_string_is_not_read(api: Api, issuer: FakeIssuer, name: str) -> None:
    query: dict[str, Any] = {name: issuer.token()}
    with pytest.raises(Rejected, match="401"):
        api.connect(**query)


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("Sec-WebSocket-Protocol", "chalice-ws.v1, "),
        ("sec-websocket-protocol", "chalice-ws.v1,"),
        ("Authorization", "Bearer "),
        ("authorization", "bearer "),
    ],
)
def test_valid_token_connects_as_its_user(
    api: Api, issuer: FakeIssuer, algorithm: str, name: str, prefix: str
) -> None:
    token = issuer.token(algorithm=algorithm, sub="auth0|1", name="Ann")
    client = api.connect([(name, prefix + token)])
    (member,) = client.request("who", channel="lobby")["members"]
    expected = {"connection_id": client.connection_id, "name": "Ann", "user": "auth0|1"}
    assert member == expected


@pytest.mark.parametrize(
    ("headers", "claims"),
    [
        ({"kid": None, "typ": None}, {}),
        ({"typ": "at+jwt"}, {}),
        ({}, {"aud": ["x", "the-app"]}),
        ({}, {"aud": None, "azp": "the-app"}),
        ({}, {"aud": None, "token_use": "access", "client_id": "the-app"}),
        ({}, {"exp": time.time() + 90_000.5}),
        ({}, {"exp": 10**30}),
    ],
)
def test_valid_token_of_another_shape_connects(
    api: Api, issuer: FakeIssuer, headers: dict[str, Any], claims: dict[str, Any]
) -> None:
    connect(api, issuer.token(headers=headers, **claims))


def test_clock_of_the_issuer_may_be_ahead(api: Api, issuer: FakeIssuer) -> None:
    soon = int(time.time()) + 5
    connect(api, issuer.token(nbf=soon, iat=soon))


def test_answer_names_the_first_subprotocol_and_never_the_token(
    api: Api, issuer: FakeIssuer
) -> None:
    token = issuer.token()
    protocol = {"Sec-WebSocket-Protocol": "chalice-ws.v1"}
    assert connect(api, token).answer == {"statusCode": 200, "headers": protocol}
    bearer = api.connect([("Authorization", f"Bearer {token}")])
    assert bearer.answer == {"statusCode": 200, "headers": {}}


def test_name_comes_from_the_token_alone(
    api: Api, issuer: FakeIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = connect(api, issuer.token(name=" Ann "), name="Bob")
    assert client.request("name", name="Bob")["code"] == "forbidden"
    assert connections.get(client.connection_id).name == "Ann"
    monkeypatch.setenv("AUTH_NAME_CLAIM", "nickname")
    client = connect(api, issuer.token(nickname="Annie", name="Ann"))
    assert connections.get(client.connection_id).name == "Annie"


@pytest.mark.parametrize("name", [None, "", 1, "a\nb", "x" * 65])
def test_name_that_is_not_valid_is_the_users_id(api: Api, issuer: FakeIssuer, name: object) -> None:
    client = connect(api, issuer.token(name=name))
    assert connections.get(client.connection_id).name == "ann"


def test_connection_ends_with_its_token(api: Api, issuer: FakeIssuer) -> None:
    end = int(time.time()) + 60
    client = connect(api, issuer.token(exp=end))
    assert connections.get(client.connection_id).expires_at == end
    client = connect(api, issuer.token(exp=end + 90_000))
    assert connections.get(client.connection_id).expires_at < end + 7200 + 600


def test_token_is_neither_logged_nor_stored(
    api: Api, issuer: FakeIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    valid, expired = issuer.token(name="Ann"), issuer.token(exp=1)
    with caplog.at_level("DEBUG", logger="chalicelib"):
        client = connect(api, valid)
        client.request("join", channel="tea")
        client.request("broadcast", channel="tea", data=1)
        with pytest.raises(Rejected):
            connect(api, expired)
    rows = json.dumps(table.dynamodb().scan(TableName=settings.connections_table())["Items"])
    assert '"ann"' in rows
    for part in [*valid.split("."), *expired.split(".")]:
        assert part not in rows
        assert part not in caplog.text


def test_guest_keeps_the_name_action(api: Api) -> None:
    assert api.connect().request("name", name="Bob") == {"type": "named", "name": "Bob"}

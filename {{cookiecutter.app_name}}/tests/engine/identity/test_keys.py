"""The issuer's keys: fetched once, fetched again, and kept while the issuer is down."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from chalicelib.identity import fetch, keys
from tests.client import Api, Rejected
from tests.engine.identity.conftest import Clock, connect
from tests.support.issuer import FakeIssuer, public_jwk

DISCOVERY = "/pool/.well-known/openid-configuration"
BOTH = [DISCOVERY, "/pool/keys"]


def refused(api: Api, token: str) -> bool:
    try:
        connect(api, token)
    except Rejected as rejected:
        return bool(rejected.args[0] == 401)
    return False


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]


def test_keys_are_fetched_once(api: Api, issuer: FakeIssuer) -> None:
    for algorithm in ("RS256", "ES256", "RS256"):
        connect(api, issuer.token(algorithm=algorithm))
    assert issuer.requests == BOTH


def test_token_that_needs_no_key_fetches_none(api: Api, issuer: FakeIssuer) -> None:
    assert refused(api, "a.b.c")
    assert refused(api, issuer.token()[:-1] + "=" * 9000)
    assert issuer.requests == []


def test_unknown_key_is_asked_for_once_in_a_cooldown(
    api: Api, issuer: FakeIssuer, clock: Clock
) -> None:
    connect(api, issuer.token())
    for number in range(3):
        assert refused(api, issuer.token(headers={"kid": str(number)}))
    assert issuer.requests == BOTH
    clock.now += fetch.COOLDOWN_SECONDS
    for number in range(3):
        assert refused(api, issuer.token(headers={"kid": str(number)}))
    assert issuer.requests == BOTH * 2
    connect(api, issuer.token())
    assert issuer.requests == BOTH * 2


def test_new_key_is_known_after_the_cooldown(api: Api, issuer: FakeIssuer, clock: Clock) -> None:
    connect(api, issuer.token())
    issuer.set_keys(public_jwk("ES256", "new"))
    clock.now += fetch.COOLDOWN_SECONDS
    connect(api, issuer.token(headers={"kid": "new"}))
    assert refused(api, issuer.token())


def test_withdrawn_key_is_refused_after_its_age(api: Api, issuer: FakeIssuer, clock: Clock) -> None:
    connect(api, issuer.token())
    issuer.set_keys(public_jwk("RS256", "rsa"))
    connect(api, issuer.token())
    clock.now += keys.MAX_AGE_SECONDS
    assert refused(api, issuer.token())


def test_issuer_that_is_down_keeps_out_only_unknown_keys(
    api: Api, issuer: FakeIssuer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    connect(api, issuer.token())
    issuer.fail()
    clock.now += 10 * keys.MAX_AGE_SECONDS
    connect(api, issuer.token())
    assert refused(api, issuer.token(headers={"kid": "new"}))
    connect(api, issuer.token(algorithm="RS256"))
    (line,) = errors(caplog)
    assert line.startswith(f"cannot read the keys of AUTH_ISSUER {issuer.url} (got HTTPError")


def test_issuer_that_was_never_up_opens_nothing(
    api: Api, issuer: FakeIssuer, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    answers = dict(issuer.answers)
    issuer.fail()
    assert refused(api, issuer.token())
    assert refused(api, issuer.token())
    assert len(errors(caplog)) == 1
    issuer.answers = answers
    assert refused(api, issuer.token())
    clock.now += fetch.COOLDOWN_SECONDS
    connect(api, issuer.token())


def test_issuer_that_does_not_answer_is_given_up(
    api: Api,
    issuer: FakeIssuer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(keys, "TIMEOUT_SECONDS", 0.1)
    issuer.answering.clear()
    assert refused(api, issuer.token())
    assert "TimeoutError" in errors(caplog)[0]


# A key set that verifies the token.
VALID = json.dumps({"keys": [public_jwk("ES256", "ec")]})

# URL is the issuer, and HTTP the same server at an address that is not trusted.
GARBAGE: dict[str, tuple[str, Any]] = {
    "not JSON": (DISCOVERY, b"<html>"),
    "a list": (DISCOVERY, []),
    "another issuer": (DISCOVERY, {"issuer": "https://evil.example.com"}),
    "no keys": (DISCOVERY, {"issuer": "URL"}),
    "keys over http": (DISCOVERY, {"issuer": "URL", "jwks_uri": "HTTP/keys"}),
    "keys in the address": (DISCOVERY, {"issuer": "URL", "jwks_uri": f"data:,{quote(VALID)}"}),
    "keys that are no list": ("/pool/keys", {"keys": {"kid": "ec"}}),
    "keys that are none": ("/pool/keys", {"keys": [None, 1, {}, {"kty": "EC", "kid": "ec"}]}),
    "too large": ("/pool/keys", VALID.encode() + b" " * fetch.MAX_BYTES),
    "twice the same key": (
        "/pool/keys",
        {"keys": [public_jwk("ES256", "ec"), public_jwk("ES256", "ec", 1)]},
    ),
    "key for encryption": ("/pool/keys", {"keys": [{**public_jwk("ES256", "ec"), "use": "enc"}]}),
    "secret key": ("/pool/keys", {"keys": [{"kty": "oct", "k": "YWJj", "kid": "ec"}]}),
}


@pytest.mark.parametrize("case", GARBAGE)
def test_answer_that_is_not_valid_opens_nothing(api: Api, issuer: FakeIssuer, case: str) -> None:
    path, content = GARBAGE[case]
    if isinstance(content, dict):
        text = json.dumps(content).replace("URL", issuer.url)
        content = json.loads(text.replace("HTTP/", issuer.url.replace("http:", "HTTP:") + "/"))
    issuer.answer(path, content)
    assert refused(api, issuer.token())


def test_redirect_to_http_is_not_followed(api: Api, issuer: FakeIssuer) -> None:
    issuer.answer("/moved", {"keys": [public_jwk("ES256", "ec")]})
    moved = issuer.url.replace("/pool", "/moved")
    issuer.answer("/pool/keys", b"", status=302, Location=moved)
    assert refused(api, issuer.token())
    assert "/moved" not in issuer.requests


def test_issuer_that_is_not_the_documents_is_named(
    api: Api, issuer: FakeIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.answer(DISCOVERY, {"issuer": f"{issuer.url}/"})
    assert refused(api, issuer.token())
    assert f"AUTH_ISSUER is not the issuer's own name; use {issuer.url}/" in errors(caplog)[0]


def test_keys_beside_unknown_ones_are_used(api: Api, issuer: FakeIssuer) -> None:
    entra = {name: x for name, x in public_jwk("RS256", "rsa").items() if name not in ("alg",)}
    okp = {"kty": "OKP", "crv": "Ed25519", "x": "abc", "kid": "rsa"}
    issuer.set_keys({"kty": "unknown", "kid": "rsa"}, okp, {**entra, "x5c": ["MIIC"]})
    connect(api, issuer.token(algorithm="RS256"))

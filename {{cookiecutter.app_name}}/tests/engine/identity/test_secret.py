"""Tokens of the owner's own backend: HS256, with a secret in SSM."""

from collections.abc import Iterator
from typing import Any

import boto3
import jwt
import pytest

from chalicelib.secret import MAX_AGE_SECONDS
from tests.client import Api, Rejected
from tests.engine.identity.conftest import Clock, connect
from tests.support.issuer import FakeIssuer
from tests.support.policies import recorder

SECRET = "correct horse battery staple, and as much again: " + "x" * 32
BACKEND: dict[str, Any] = {"iss": "my backend"}


def save_secret(value: str) -> None:
    client = boto3.client("ssm")
    client.put_parameter(Name="/chat/secret", Value=value, Type="SecureString", Overwrite=True)


@pytest.fixture
def backend(api: Api, issuer: FakeIssuer, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeIssuer]:
    """The app with a secret in SSM, and tokens of the issuer `my backend`."""
    monkeypatch.setenv("AUTH_ALGORITHMS", "HS256")
    monkeypatch.setenv("AUTH_SECRET", "/chat/secret")
    monkeypatch.setenv("AUTH_ISSUER", BACKEND["iss"])
    save_secret(SECRET)
    yield issuer
    # The policies of an app without this secret have no grant for it.
    recorder.calls -= {each for each in recorder.calls if each[1].action == "ssm:GetParameter"}


def signed(issuer: FakeIssuer, secret: str = SECRET, algorithm: str = "HS256") -> str:
    return jwt.encode(issuer.claims(**BACKEND), secret, algorithm)


def test_token_of_the_backend_connects(api: Api, backend: FakeIssuer) -> None:
    connect(api, signed(backend))
    connect(api, signed(backend))
    assert backend.requests == []
    assert ("connect", "ssm:GetParameter") in {(name, x.action) for name, x in recorder.calls}


@pytest.mark.parametrize(
    ("secret", "algorithm"),
    [(SECRET[::-1], "HS256"), (SECRET * 2, "HS256"), (SECRET, "HS384")],
)
def test_token_of_another_secret_or_algorithm_is_refused(
    api: Api, backend: FakeIssuer, secret: str, algorithm: str
) -> None:
    with pytest.raises(Rejected, match="401"):
        connect(api, signed(backend, secret, algorithm))


def test_token_with_a_key_is_refused_where_only_the_secret_counts(
    api: Api, backend: FakeIssuer
) -> None:
    with pytest.raises(Rejected, match="401"):
        connect(api, backend.token(**BACKEND))
    assert backend.requests == []


def test_secret_and_keys_count_together(
    api: Api, backend: FakeIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AUTH_ALGORITHMS", "RS256,HS256")
    monkeypatch.setenv("AUTH_ISSUER", backend.url)
    connect(api, backend.token(algorithm="RS256"))
    connect(api, jwt.encode(backend.claims(), SECRET, "HS256", {"kid": "rsa"}))


def test_changed_secret_is_used_after_its_age(api: Api, backend: FakeIssuer, clock: Clock) -> None:
    connect(api, signed(backend))
    save_secret(SECRET[::-1])
    connect(api, signed(backend))
    clock.now += MAX_AGE_SECONDS
    connect(api, signed(backend, SECRET[::-1]))
    with pytest.raises(Rejected, match="401"):
        connect(api, signed(backend))


@pytest.mark.parametrize("secret", ["short", ""])
def test_secret_that_is_too_short_or_missing_opens_nothing(
    api: Api, backend: FakeIssuer, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    if secret:
        save_secret(secret)
    else:
        boto3.client("ssm").delete_parameter(Name="/chat/secret")
    with pytest.raises(Rejected, match="401"):
        connect(api, signed(backend, "x" * 32))
    lines = [each.getMessage() for each in caplog.records if each.levelname == "ERROR"]
    assert lines[0].startswith("cannot read AUTH_SECRET /chat/secret (got ")

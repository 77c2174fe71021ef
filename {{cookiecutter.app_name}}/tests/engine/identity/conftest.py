"""Fixtures of the tests of sign-in: the app with AUTH jwt, and an issuer."""

import time
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.identity import fetch, keys
from tests.client import Api, Client
from tests.support.issuer import AUDIENCE, FakeIssuer


class Clock:
    """The time as the cache of keys sees it. It goes on only when a test says so."""

    def __init__(self) -> None:
        self.now = time.time()

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return time.monotonic()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("chalicelib.identity.fetch.time", clock)
    return clock


@pytest.fixture
def issuer(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeIssuer]:
    """An issuer that the app trusts. The app has no key of it yet."""
    keys._key_set.cache_clear()
    keys._secret.cache_clear()
    # On a busy machine an answer may take longer than a connect function has.
    for module in (keys, fetch):
        monkeypatch.setattr(module, "TIMEOUT_SECONDS", 60)
    issuer = FakeIssuer()
    monkeypatch.setenv("AUTH", "jwt")
    monkeypatch.setenv("AUTH_ISSUER", issuer.url)
    monkeypatch.setenv("AUTH_AUDIENCE", f"other, {AUDIENCE}")
    try:
        yield issuer
    finally:
        issuer.stop()


def connect(api: Api, token: str, **query: Any) -> Client:
    """Connect with a token, as a browser sends it."""
    return api.connect([("Sec-WebSocket-Protocol", f"chalice-ws.v1, {token}")], **query)

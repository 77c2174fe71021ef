"""`make check` reads the page's settings."""

import json
from pathlib import Path

import pytest

from tests.project.test_check import check
from tests.project.test_check_sign_in import CRYPTO, ISSUER, SIGN_IN, change, copy

__all__ = ["copy"]

OWN = {"issuer": ISSUER, "client_id": "chat"}


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"sign_in": {**OWN, "client_id": "page", "token": "access_token"}}, ""),
        (
            {"sign_in": {**OWN, "client_id": "page"}},
            "error: .chalice/config.json, stage prod: web/config.json: sign_in: client_id is not in"
            ' AUTH_AUDIENCE (got \'page\'); add it there, or use "token": "access_token"',
        ),
        (
            {"url": "chat.example.com"},
            "error: web/config.json: url is not valid (got 'chat.example.com'); use the address of"
            " the app, such as wss://chat.example.com",
        ),
    ],
)
def test_settings_that_lead_to_a_refused_sign_in_are_reported(
    copy: Path, settings: object, problem: str
) -> None:
    change(copy, SIGN_IN, CRYPTO)
    (copy / "web" / "config.json").write_text(json.dumps(settings))
    status, lines = check(copy)
    assert (status, lines) == ((1, [problem]) if problem else (0, []))

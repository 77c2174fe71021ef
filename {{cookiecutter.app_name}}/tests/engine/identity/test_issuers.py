"""Tokens in the shape of each issuer that docs/security.md names."""

import re
import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jwt
import pytest

from chalicelib.identity import keys
from chalicelib.storage import connections
from tests.client import Api, Rejected
from tests.conftest import PROJECT
from tests.engine.identity.conftest import connect
from tests.support.issuer import private_key, public_jwk

TENANT = "9122040d-6c67-4c5b-b112-36a304b66dad"
CLIENT = "535fb089-9ff3-47b6-9bfb-4f1264799865"
POOL = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123"
FIREBASE = (
    "https://www.googleapis.com/service_accounts/v1/jwk/securetoken@system.gserviceaccount.com"
)
MICROSOFT = "https://login.microsoftonline.com"


class Shape(NamedTuple):
    """A token as an issuer makes it.

    Args:
        jwks_uri: the address of the keys, as the issuer's discovery document names it.
        claims: without iat and exp.
        user: the user's id and name.
        left_out: names that the issuer's keys do not have.
    """

    issuer: str
    jwks_uri: str
    audience: str
    claims: dict[str, Any]
    user: tuple[str, str]
    headers: Mapping[str, Any] = MappingProxyType({})
    algorithm: str = "RS256"
    name_claim: str = "name"
    left_out: tuple[str, ...] = ()


SHAPES = {
    "Cognito access token": Shape(
        POOL,
        f"{POOL}/.well-known/jwks.json",
        "1example23456789",
        {
            "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
            "cognito:groups": ["admins"],
            "version": 2,
            "client_id": "1example23456789",
            "origin_jti": "aaaaaaaa-bbbb-cccc-dddd-example",
            "token_use": "access",
            "scope": "openid profile email",
            "auth_time": 1676313851,
            "jti": "aaaaaaaa-bbbb-cccc-dddd-example",
            "username": "ann",
        },
        ("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "ann"),
        {"typ": None},
        name_claim="username",
    ),
    "Cognito ID token": Shape(
        POOL,
        f"{POOL}/.well-known/jwks.json",
        "1example23456789",
        {
            "sub": "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee",
            "email_verified": True,
            "cognito:username": "ann",
            "aud": "1example23456789",
            "token_use": "id",
            "auth_time": 1676312777,
            "name": "Ann",
            "email": "ann@example.com",
        },
        ("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "Ann"),
        {"typ": None},
    ),
    "Auth0": Shape(
        "https://tenant.eu.auth0.com/",
        "https://tenant.eu.auth0.com/.well-known/jwks.json",
        "https://chat.example.com/api",
        {
            "sub": "auth0|5f7c8ec7c33c6c004bbafe82",
            "aud": ["https://chat.example.com/api", "https://tenant.eu.auth0.com/userinfo"],
            "azp": "my_client_id",
            "scope": "openid profile",
            "name": "Ann",
        },
        ("auth0|5f7c8ec7c33c6c004bbafe82", "Ann"),
    ),
    "Entra v2": Shape(
        f"{MICROSOFT}/{TENANT}/v2.0",
        f"{MICROSOFT}/{TENANT}/discovery/v2.0/keys",
        CLIENT,
        {
            "aud": CLIENT,
            "azp": "4c13cb77-5000-45a1-b41a-1e5a2b0cbd01",
            "azpacr": "0",
            "name": "Ann",
            "oid": "690222be-ff1a-4d56-abd1-7e4f7d38e474",
            "preferred_username": "ann@example.com",
            "scp": "access_as_user",
            "sub": "HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ",
            "tid": TENANT,
            "ver": "2.0",
        },
        ("HKZpfaHyWadeOouYlitjrI-KffTm222X5rrV3xDqfKQ", "Ann"),
        left_out=("alg",),
    ),
    "Entra v1": Shape(
        f"https://sts.windows.net/{TENANT}/",
        f"{MICROSOFT}/common/discovery/keys",
        f"api://{CLIENT}",
        {
            "aud": f"api://{CLIENT}",
            "appid": CLIENT,
            "name": "Ann",
            "scp": "access_as_user",
            "sub": "l3roISQU222bULS9yi2k0XpqpOiMz5H3ZACo1GeXA",
            "tid": TENANT,
            "ver": "1.0",
        },
        ("l3roISQU222bULS9yi2k0XpqpOiMz5H3ZACo1GeXA", "Ann"),
        {"x5t": "nOo3ZDrODXEK1jKWhXslHR_KXEg"},
        left_out=("alg",),
    ),
    "Okta": Shape(
        "https://dev-1.okta.com/oauth2/default",
        "https://dev-1.okta.com/oauth2/default/v1/keys",
        "api://default",
        {
            "ver": 1,
            "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE",
            "aud": "api://default",
            "cid": "0oabv6kx4qq6h1U5l0h7",
            "uid": "00ujmkLgagxeRrAg20g3",
            "scp": ["openid"],
            "sub": "ann@example.com",
        },
        ("ann@example.com", "ann@example.com"),
        {"typ": None},
    ),
    "Clerk": Shape(
        "https://clerk.example.com",
        "https://clerk.example.com/.well-known/jwks.json",
        "https://chat.example.com",
        {
            "azp": "https://chat.example.com",
            "fva": [0, -1],
            "sid": "sess_2GbDB4enNdCa5vS1zpC3Xzg9tK9",
            "sts": "active",
            "sub": "user_2GIpXOEpVyJw51rkZn9Kmnc6Sxr",
            "v": 2,
        },
        ("user_2GIpXOEpVyJw51rkZn9Kmnc6Sxr", "user_2GIpXOEpVyJw51rkZn9Kmnc6Sxr"),
        {"cat": "cl_B7d4PD111AAA"},
    ),
    "Firebase": Shape(
        "https://securetoken.google.com/my-project",
        FIREBASE,
        "my-project",
        {
            "name": "Ann",
            "aud": "my-project",
            "auth_time": 1700000000,
            "user_id": "yHgZ6fTqWGRnG1ur",
            "sub": "yHgZ6fTqWGRnG1ur",
            "firebase": {"identities": {}, "sign_in_provider": "password"},
        },
        ("yHgZ6fTqWGRnG1ur", "Ann"),
    ),
    "Supabase": Shape(
        "https://abcdefghijkl.supabase.co/auth/v1",
        "https://abcdefghijkl.supabase.co/auth/v1/.well-known/jwks.json",
        "authenticated",
        {
            "aud": "authenticated",
            "sub": "ef0493c9-3582-425f-a362-aef909588df7",
            "email": "ann@example.com",
            "phone": "",
            "app_metadata": {"provider": "email", "providers": ["email"]},
            "user_metadata": {},
            "role": "authenticated",
            "aal": "aal1",
            "session_id": "1e2f3a4b-3582-425f-a362-aef909588df7",
            "is_anonymous": False,
        },
        ("ef0493c9-3582-425f-a362-aef909588df7", "ef0493c9-3582-425f-a362-aef909588df7"),
        algorithm="ES256",
    ),
}


def token_of(shape: Shape, number: int = 0, **claims: Any) -> str:
    now = int(time.time())
    payload = {**shape.claims, "iss": shape.issuer, "iat": now, "exp": now + 3600, **claims}
    headers = {"kid": "key-1", **shape.headers}
    return jwt.encode(payload, private_key(shape.algorithm, number), shape.algorithm, headers)


@pytest.fixture(params=SHAPES)
def shape(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Shape:
    """The app with the settings of an issuer, whose documents come from here."""
    shape = SHAPES[request.param]
    discovery = f"{shape.issuer.rstrip('/')}/.well-known/openid-configuration"
    key = {"alg": shape.algorithm, **public_jwk(shape.algorithm, "key-1")}
    other = {"alg": shape.algorithm, **public_jwk(shape.algorithm, "key-2", 1)}
    left = {name: each for name, each in key.items() if name not in shape.left_out}
    documents = {
        discovery: {"issuer": shape.issuer, "jwks_uri": shape.jwks_uri},
        shape.jwks_uri: {"keys": [other, left]},
    }
    monkeypatch.setattr(keys, "read_json", lambda url, deadline: documents[url])
    keys._key_set.cache_clear()
    monkeypatch.setenv("AUTH", "jwt")
    monkeypatch.setenv("AUTH_ISSUER", shape.issuer)
    monkeypatch.setenv("AUTH_AUDIENCE", shape.audience)
    monkeypatch.setenv("AUTH_NAME_CLAIM", shape.name_claim)
    return shape


def test_token_of_each_issuer_connects(api: Api, shape: Shape) -> None:
    connection = connections.get(connect(api, token_of(shape)).connection_id)
    assert connection.user is not None
    assert (connection.user.id, connection.name) == shape.user


def test_token_for_another_app_or_issuer_or_key_is_refused(api: Api, shape: Shape) -> None:
    audience = next(each for each in ("aud", "client_id", "azp") if each in shape.claims)
    wrong: dict[str, Any] = {audience: "another-app"}
    tokens = [
        token_of(shape, 0, **wrong),
        token_of(shape, iss=shape.issuer + "x"),
        token_of(shape, number=1),
        token_of(shape, exp=int(time.time()) - 1),
    ]
    for token in tokens:
        with pytest.raises(Rejected, match="401"):
            connect(api, token)


def test_document_has_a_row_for_each_issuer() -> None:
    text = (PROJECT / "docs" / "security.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([^|]+) \| `https://", text, re.MULTILINE)
    named = {word for name in SHAPES for word in [name.split()[0]]}
    assert {word for word in named if not any(word in row for row in rows)} == set()

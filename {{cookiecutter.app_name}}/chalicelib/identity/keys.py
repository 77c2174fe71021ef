"""The keys that verify tokens: the issuer's public ones, and the secret of the owner's backend."""

import time
from functools import cache
from typing import Any

from jwt import PyJWK

from chalicelib.identity.fetch import COOLDOWN_SECONDS, TIMEOUT_SECONDS, Cached, read_json
from chalicelib.secret import MAX_AGE_SECONDS as SECRET_MAX_AGE_SECONDS
from chalicelib.secret import read_parameter

# A key that the issuer has withdrawn is refused after this time.
MAX_AGE_SECONDS = 3600

# RFC 7518, section 3.2: the secret of HS256 is at least as long as its hash.
MIN_SECRET_BYTES = 32

# The type of key of each algorithm, and the curve.
KEY_TYPES = {"RS256": ("RSA", None), "ES256": ("EC", "P-256")}


class UnknownKey(Exception):
    """The issuer has no such key."""


def public_key(issuer: str, algorithm: str, key_id: str | None) -> PyJWK:
    """Return the issuer's key that a token names.

    Args:
        algorithm: RS256 or ES256.
        key_id: the token's `kid`. None: the issuer must have exactly one key for the algorithm.

    Raises:
        UnknownKey: the issuer has no such key, also after it was asked again.
        Unavailable: the issuer does not answer, and has not before.
    """
    for max_age_seconds in (MAX_AGE_SECONDS, COOLDOWN_SECONDS):
        keys = _key_set(issuer).get(max_age_seconds)
        found = [each for each in keys if _fits(each, algorithm, key_id)]
        if len(found) == 1:
            return PyJWK(found[0], algorithm)
    raise UnknownKey


def secret(parameter: str) -> str:
    """Return the secret in an SSM parameter.

    Raises:
        Unavailable: the parameter cannot be read, or is too short.
    """
    return _secret(parameter).get(SECRET_MAX_AGE_SECONDS)


@cache
def _key_set(issuer: str) -> Cached[list[dict[str, Any]]]:
    return Cached(lambda: _fetch_keys(issuer), f"the keys of AUTH_ISSUER {issuer}")


@cache
def _secret(parameter: str) -> Cached[str]:
    return Cached(lambda: _fetch_secret(parameter), f"AUTH_SECRET {parameter}")


def _fetch_keys(issuer: str) -> list[dict[str, Any]]:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    document = read_json(url, deadline)
    # OpenID Connect Discovery, section 4.3: the two must be equal.
    if document.get("issuer") != issuer:
        raise ValueError(f"AUTH_ISSUER is not the issuer's own name; use {document.get('issuer')}")
    keys = read_json(str(document.get("jwks_uri")), deadline).get("keys")
    if not isinstance(keys, list):
        raise ValueError("the key set has no list of keys")
    return [each for each in keys if isinstance(each, dict)]


def _fetch_secret(parameter: str) -> str:
    value = read_parameter(parameter)
    size = len(value.encode())
    if size < MIN_SECRET_BYTES:
        raise ValueError(f"the secret has {size} bytes; use {MIN_SECRET_BYTES} or more")
    return value


def _fits(key: dict[str, Any], algorithm: str, key_id: str | None) -> bool:
    key_type, curve = KEY_TYPES[algorithm]
    return (
        key.get("kty") == key_type
        and key_id in (None, key.get("kid"))
        and curve in (None, key.get("crv"))
        # Entra's keys name no algorithm.
        and key.get("alg", algorithm) == algorithm
        and key.get("use", "sig") == "sig"
    )

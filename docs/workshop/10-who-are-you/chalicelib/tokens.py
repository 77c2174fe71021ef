"""The user who connects, from a signed token."""

import json
import os
from functools import cache
from urllib.request import ProxyHandler, build_opener

import jwt


def token_in(headers):
    """Return the token of a handshake, and the header that accepts it."""
    protocols = [each.strip() for each in headers.get("Sec-WebSocket-Protocol", "").split(",")]
    if protocols[0] == "token" and len(protocols) == 2:
        return protocols[1], {"Sec-WebSocket-Protocol": "token"}
    return headers.get("Authorization", "").removeprefix("Bearer "), {}


def user_of(token):
    """Return the user whom a token names; raises jwt.PyJWTError or KeyError."""
    claims = jwt.decode(
        token,
        keys()[jwt.get_unverified_header(token)["kid"]],
        algorithms=os.environ["AUTH_ALGORITHMS"].split(","),
        audience=os.environ["AUTH_AUDIENCE"],
        issuer=os.environ["AUTH_ISSUER"],
        options={"require": ["exp", "iss", "sub"]},
    )
    return claims["sub"]


@cache
def keys():
    """Return the issuer's public keys."""
    opener = build_opener(ProxyHandler({}))
    found = f"{os.environ['AUTH_ISSUER']}/.well-known/openid-configuration"
    with opener.open(found, timeout=5) as response:
        address = json.load(response)["jwks_uri"]
    with opener.open(address, timeout=5) as response:
        return jwt.PyJWKSet.from_dict(json.load(response))

"""The issuer of tokens for sign-in on this machine: OpenID Connect's discovery, keys and tokens.

An app with AUTH jwt uses it where its settings name no issuer, or name a secret (AUTH_SECRET).
Anyone who can reach the gateway can sign in as anyone, so it is for development alone. A deployed
app cannot trust it: its address is not https, and its keys end with the gateway.
"""

import secrets
import string
import time
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import quote

# The paths of the issuer and of its tokens, at the gateway's address.
PATH = "/issuer"
TOKEN_PATH = f"{PATH}/token"
AUDIENCE = "local"
LIFETIME_SECONDS = 3600

# The variable that tells the app's processes the issuer's address.
ADDRESS_VARIABLE = "CHALICE_WS_ISSUER"

JSON = dict[str, Any]

# The characters of a user's id beside letters and digits; see chalicelib/protocol/user.py.
ID_PUNCTUATION = string.punctuation.replace("#", "")


class Issuer:
    """An issuer with a key pair of its own.

    Args:
        url: the address, which is the tokens' `iss`.
    """

    def __init__(self, url: str) -> None:
        self.url = url

    @cached_property
    def _key(self) -> tuple[str, Any]:
        # Most apps have no sign-in, and need neither the key nor the import.
        from cryptography.hazmat.primitives.asymmetric import ec

        return secrets.token_hex(8), ec.generate_private_key(ec.SECP256R1())

    def documents(self) -> dict[str, JSON]:
        """Return the documents of the issuer, by the path below its address."""
        from jwt.algorithms import ECAlgorithm

        key_id, key = self._key
        public_key = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        return {
            "/.well-known/openid-configuration": {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/keys",
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "id_token_signing_alg_values_supported": ["ES256"],
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": [
                    "none",
                    "client_secret_basic",
                    "client_secret_post",
                ],
                "authorization_response_iss_parameter_supported": True,
                "subject_types_supported": ["public"],
            },
            "/keys": {"keys": [{**public_key, "kid": key_id, "use": "sig", "alg": "ES256"}]},
        }

    def sign_in(self, name: str, claims: Mapping[str, Any] | None = None) -> str:
        """Return a token of a person, whose name may have any characters."""
        return self.token(quote(name, safe=ID_PUNCTUATION), {"name": name, **(claims or {})})

    def token(self, user: str, claims: Mapping[str, Any] | None = None) -> str:
        """Return a token of a user. `claims` are added, or replace those of the issuer."""
        import jwt

        key_id, key = self._key
        now = time.time()
        # With the fraction, a token and a sign-out of the same second are in order.
        times = {"iat": round(now, 6), "exp": int(now) + LIFETIME_SECONDS}
        own = {"iss": self.url, "aud": AUDIENCE, "sub": user, "name": user, **times}
        return jwt.encode({**own, **(claims or {})}, key, "ES256", {"kid": key_id})


def sign_in_variables(variables: Mapping[str, str], url: str | None) -> dict[str, str]:
    """Return the variables for an app whose tokens come from the issuer at `url`.

    There are none where the app has no sign-in, or names another issuer. An app with AUTH_SECRET
    gets them in any case: the secret is in AWS, and not on this machine.
    """
    names_issuer = variables.get("AUTH_ISSUER") or variables.get("AUTH_AUDIENCE")
    has_secret = variables.get("AUTH_SECRET")
    if variables.get("AUTH") != "jwt" or not url or (names_issuer and not has_secret):
        return {}
    return {
        "AUTH_ISSUER": url,
        "AUTH_AUDIENCE": AUDIENCE,
        "AUTH_ALGORITHMS": "ES256",
        "AUTH_SECRET": "",
        "AUTH_NAME_CLAIM": "name",
    }

"""JSON Web Tokens: one function that verifies a token and returns its user."""

import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import jwt

from chalicelib import settings
from chalicelib.identity import keys
from chalicelib.identity.fetch import Unavailable
from chalicelib.identity.handshake import Refused
from chalicelib.protocol.fields import MAX_TEXT_LENGTH, NAME, USER
from chalicelib.protocol.user import User

# An older one does not know all options below.
MIN_PYJWT = (2, 15)

MAX_TOKEN_LENGTH = 8192

# The issuer's clock may be ahead by this much.
LEEWAY_SECONDS = 10

# RFC 8725, section 3.11: a token for another use, such as a logout token, signs nobody in.
TYPES = (None, "jwt", "at+jwt", "application/at+jwt")

REASONS: dict[type[Exception], str] = {
    jwt.ExpiredSignatureError: "the token has expired",
    jwt.ImmatureSignatureError: "the token is not yet valid",
    jwt.InvalidIssuerError: "the token is of another issuer",
    jwt.InvalidSignatureError: "the token's signature is wrong",
    jwt.MissingRequiredClaimError: "the token has no exp, iss or sub",
    keys.UnknownKey: "the token's key is none of the issuer's",
    Unavailable: "the key is not available, see the error before",
}


class Rules(NamedTuple):
    """The settings that a token is verified with."""

    issuer: str
    audiences: list[str]
    algorithms: list[str]
    secret: str | None
    name_claim: str

    @classmethod
    def read(cls) -> "Rules":
        """Read the settings.

        Raises:
            ValueError: one is not valid, or missing.
            ImportError: an algorithm needs a package that is not installed.
        """
        rules = cls(
            settings.auth_issuer(),
            settings.auth_audience(),
            settings.auth_algorithms(),
            settings.auth_secret(),
            settings.auth_name_claim(),
        )
        if tuple(map(int, jwt.__version__.split(".")[:2])) < MIN_PYJWT:
            raise ImportError(f"PyJWT {jwt.__version__}")
        if rules.algorithms != ["HS256"]:
            # PyJWT itself is installed without it.
            import cryptography  # noqa: F401
        return rules


def verify(token: str, rules: Rules, kept_claims: Iterable[str] = ()) -> User:
    """Return the user that a token names.

    Args:
        kept_claims: the claims that the user keeps.

    Raises:
        Refused: the token is not valid. The reason contains no part of it.
    """
    if len(token) > MAX_TOKEN_LENGTH:
        raise Refused(401, f"the token is too long, the maximum is {MAX_TOKEN_LENGTH}")
    try:
        claims = _verified_claims(token, rules)
        expires_at = int(claims["exp"])
        issued_at = float(claims["iat"]) if "iat" in claims else None
    # The message of an exception may repeat a part of the token.
    except Exception as error:
        raise Refused(401, REASONS.get(type(error), "the token is not valid")) from None
    try:
        user_id = USER.parse(claims["sub"])
    except ValueError:
        raise Refused(401, f"the token's sub is not {USER.description}") from None
    if not _audiences(claims) & set(rules.audiences):
        raise Refused(401, "the token is for another audience")
    # A leeway here would give a connection whose rows have expired.
    if expires_at <= time.time():
        raise Refused(401, REASONS[jwt.ExpiredSignatureError])
    try:
        name = NAME.parse(claims.get(rules.name_claim))
    except ValueError:
        name = user_id[:MAX_TEXT_LENGTH]
    kept = {claim: claims[claim] for claim in kept_claims if claim in claims}
    return User(user_id, name, expires_at, kept, issued_at)


def _verified_claims(token: str, rules: Rules) -> dict[str, Any]:
    header = jwt.get_unverified_header(token)
    algorithm = header.get("alg")
    # "crit" names extensions that a verifier must know. This one knows none.
    kind = header.get("typ")
    if "crit" in header or (kind.lower() if kind is not None else None) not in TYPES:
        raise jwt.InvalidTokenError
    if algorithm not in rules.algorithms:
        raise jwt.InvalidAlgorithmError
    # The algorithm decides where the key comes from. A public key is never used as a secret, and
    # the keys and addresses in the token's header (jwk, jku, x5c, x5u) are not read.
    key: Any
    if algorithm == "HS256":
        key = keys.secret(str(rules.secret))
    else:
        key = keys.public_key(rules.issuer, algorithm, header.get("kid"))
    return jwt.decode(
        token,
        key,
        algorithms=[algorithm],
        issuer=rules.issuer,
        leeway=LEEWAY_SECONDS,
        options={
            "require": ["exp", "iss", "sub"],
            # _audiences has the rules of issuers that name the audience in another claim.
            "verify_aud": False,
            "enforce_minimum_key_length": True,
        },
    )


def _audiences(claims: dict[str, Any]) -> set[str]:
    value = claims.get("aud")
    if value is None and claims.get("token_use") == "access":
        # Cognito's access tokens have no aud.
        value = claims.get("client_id")
    elif value is None:
        # Clerk's session tokens have the origin of the page instead.
        value = claims.get("azp")
    values = value if isinstance(value, list) else [value]
    return {each for each in values if isinstance(each, str)}

"""The app's environment variables, which .chalice/config.json sets for each stage.

Each function reads its variable when it is called, and raises ValueError if the value is not
valid. `READERS` maps the variables to the functions, for `make check`.
"""

import os
import re
from collections.abc import Callable
from typing import Any

# Half of the calls a second that an account has by default, for all of its APIs together:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
DEFAULT_FANOUT_RPS = 5000

SENDERS = ("concurrent", "boto3")

AUTH_MODES = ("none", "jwt")
AUTH_ALGORITHMS = ("RS256", "ES256", "HS256")

_SIGN_IN = ("AUTH_ISSUER", "AUTH_AUDIENCE", "AUTH_SECRET")

_TRUSTED_URL = re.compile(
    r"(?:(https)://[A-Za-z0-9.-]+|http://(?:localhost|127\.0\.0\.1|\[::1\]))(?::[0-9]+)?(?:/[!-~]*)?"
)

# A scheme, a host and a port, as browsers send an origin: in lower case, without the default port.
_ORIGIN = re.compile(
    r"(?!http:.*:80$|https:.*:443$|wss?:)"
    r"[a-z][a-z0-9+.-]*://([a-z0-9._-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?"
)


def connections_table() -> str:
    """Return the name of the connection table."""
    return _text("CONNECTIONS_TABLE", "the name of the table in resources.json")


def stack() -> str:
    """Return the stack's name, APP-STAGE, the first part of the names of the app's resources."""
    return connections_table().removesuffix("-connections")


def ws_actions() -> list[str]:
    """Return the actions that are switched on."""
    names = _text("WS_ACTIONS", "action names, comma-separated").split(",")
    return [name.strip() for name in names]


def history_seconds() -> int:
    """Return the seconds that messages are kept; 0 keeps none."""
    return _whole_number("HISTORY_SECONDS", "0", 0, "seconds, such as 86400 for a day, or 0")


def channel_shards() -> list[int]:
    """Return the numbers of shards that a channel may have.

    There are two while the number changes. New rows use the first; see docs/scale.md.
    """
    value = os.environ.get("CHANNEL_SHARDS", "1")
    counts = [int(each) if each.strip().isdecimal() else 0 for each in value.split(",")]
    if not all(counts) or len(counts) > 2:
        raise _invalid("CHANNEL_SHARDS", value, "1 or more, or two numbers such as 4,1")
    return counts


def fanout_limit() -> int | None:
    """Return the maximum of members that one function sends to; None is unlimited."""
    if "FANOUT_LIMIT" not in os.environ:
        return None
    return _whole_number("FANOUT_LIMIT", "", 1, "a number of members, such as 5000")


def fanout_rps() -> float:
    """Return the maximum of calls a second of one fan-out; infinity is unlimited."""
    use = "calls a second, such as 5000, or 0 for no limit"
    rps = _whole_number("FANOUT_RPS", str(DEFAULT_FANOUT_RPS), 0, use)
    return rps or float("inf")


def fanout_sender() -> str:
    """Return the sender to use, one of SENDERS."""
    value = os.environ.get("FANOUT_SENDER", SENDERS[0])
    if value not in SENDERS:
        raise _invalid("FANOUT_SENDER", value, " or ".join(SENDERS))
    return value


def fanout_queue() -> str:
    """Return the URL of the queue for large channels, which resources/scale.json sets."""
    return _text("FANOUT_QUEUE", "resources/scale.json, which sets it")


def messages_per_minute() -> int | None:
    """Return the maximum of requests that a connection sends in a minute; None is unlimited."""
    if "MESSAGES_PER_MINUTE" not in os.environ:
        return None
    return _whole_number("MESSAGES_PER_MINUTE", "", 1, "a number of messages, such as 120")


def allowed_origins() -> list[str]:
    """Return the origins of web pages that may connect; an empty list allows all."""
    value = os.environ.get("ALLOWED_ORIGINS", "")
    origins = [each.strip() for each in value.split(",")] if value.strip() else []
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            use = "origins such as https://chat.example.com, comma-separated, without a path"
            raise _invalid("ALLOWED_ORIGINS", origin, use)
    return origins


def auth() -> str:
    """Return `none` if anyone may connect, or `jwt` if a client needs a valid token."""
    value = os.environ.get("AUTH", "").strip()
    if not value:
        given = [name for name in _SIGN_IN if os.environ.get(name)]
        if given:
            raise _invalid("AUTH", value, f"jwt, which {given[0]} needs, or none")
    if value and value not in AUTH_MODES:
        raise _invalid("AUTH", value, " or ".join(AUTH_MODES))
    return value or AUTH_MODES[0]


def auth_issuer() -> str:
    """Return the issuer of the tokens, their exact `iss`; it is empty where AUTH is none."""
    value = os.environ.get("AUTH_ISSUER", "").strip()
    if auth() == "none":
        return ""
    if not value:
        raise _invalid("AUTH_ISSUER", value, "the issuer of your tokens, its https:// address")
    if "/.well-known/" in value:
        raise _invalid("AUTH_ISSUER", value, "the address before /.well-known/")
    # The keys of RS256 and ES256 come from this address. HS256 has no keys to fetch.
    if auth_algorithms() != ["HS256"] and (not is_trusted_url(value) or {"?", "#"} & set(value)):
        raise _invalid("AUTH_ISSUER", value, "an https:// address without a query")
    return value


def is_trusted_url(url: str) -> bool:
    """Return whether keys may come from a URL: https, or an issuer on this machine.

    A deployed function takes https alone: a token of the local gateway is never valid there.
    """
    scheme = _TRUSTED_URL.fullmatch(url)
    # The local gateway sets both variables, Lambda the first.
    is_lambda = "AWS_LAMBDA_FUNCTION_NAME" in os.environ
    is_deployed = is_lambda and "CHALICE_WS_ISSUER" not in os.environ
    return scheme is not None and (scheme[1] == "https" or not is_deployed)


def shows_errors() -> bool:
    """Return whether clients may see the exceptions of actions: on the local gateway alone.

    Lambda always sets AWS_LAMBDA_RUNTIME_API, and lets no function set or remove it:
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    return "CHALICE_WS_ISSUER" in os.environ and "AWS_LAMBDA_RUNTIME_API" not in os.environ


def auth_audience() -> list[str]:
    """Return the audiences of which a token must have one; empty where AUTH is none."""
    value = os.environ.get("AUTH_AUDIENCE", "")
    audiences = [each.strip() for each in value.split(",")]
    if auth() == "none":
        return []
    if not all(audiences):
        raise _invalid("AUTH_AUDIENCE", value, "the audience of your tokens, such as a client id")
    return audiences


def auth_algorithms() -> list[str]:
    """Return the algorithms that a token may be signed with, some of AUTH_ALGORITHMS."""
    value = os.environ.get("AUTH_ALGORITHMS", "RS256,ES256")
    names = [each.strip() for each in value.split(",")]
    if not set(names) <= set(AUTH_ALGORITHMS):
        use = f"some of {', '.join(AUTH_ALGORITHMS)}, comma-separated"
        raise _invalid("AUTH_ALGORITHMS", value, use)
    return names


def auth_secret() -> str | None:
    """Return the name of the SSM parameter with the secret of HS256; None without HS256."""
    value = os.environ.get("AUTH_SECRET", "").strip()
    if auth() == "none" or (not value and "HS256" not in auth_algorithms()):
        return None
    if "HS256" not in auth_algorithms():
        raise _invalid("AUTH_ALGORITHMS", ",".join(auth_algorithms()), "HS256 with AUTH_SECRET")
    if not re.fullmatch(r"/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*", value):
        # The value may be the secret itself, which must not appear in a log.
        use = "the name of an SSM parameter, such as /my-app/secret"
        raise ValueError(f"AUTH_SECRET is not valid (got {len(value)} characters); use {use}")
    return value


def auth_name_claim() -> str:
    """Return the claim of a token that has the user's display name."""
    return os.environ.get("AUTH_NAME_CLAIM", "").strip() or "name"


# FANOUT_QUEUE is missing here: resources/scale.json sets it, not config.json.
READERS: dict[str, Callable[[], Any]] = {
    "CONNECTIONS_TABLE": connections_table,
    "WS_ACTIONS": ws_actions,
    "HISTORY_SECONDS": history_seconds,
    "CHANNEL_SHARDS": channel_shards,
    "FANOUT_LIMIT": fanout_limit,
    "FANOUT_RPS": fanout_rps,
    "FANOUT_SENDER": fanout_sender,
    "MESSAGES_PER_MINUTE": messages_per_minute,
    "ALLOWED_ORIGINS": allowed_origins,
    "AUTH": auth,
    "AUTH_ISSUER": auth_issuer,
    "AUTH_AUDIENCE": auth_audience,
    "AUTH_ALGORITHMS": auth_algorithms,
    "AUTH_SECRET": auth_secret,
    "AUTH_NAME_CLAIM": auth_name_claim,
}


def _text(name: str, use: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise _invalid(name, value, use)
    return value


def _whole_number(name: str, default: str, minimum: int, use: str) -> int:
    value = os.environ.get(name, default)
    # isdecimal is true for the digits of other scripts too.
    if not (value.isascii() and value.isdecimal() and int(value) >= minimum):
        raise _invalid(name, value, use)
    return int(value)


def _invalid(name: str, value: str, use: str) -> ValueError:
    return ValueError(f"{name} is not valid (got {value!r}); use {use}")

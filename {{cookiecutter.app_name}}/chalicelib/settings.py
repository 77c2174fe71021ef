"""The app's environment variables, which .chalice/config.json sets for each stage.

Each function reads one variable when it is called, and raises ValueError if its value is not
valid. `READERS` maps the variables to the functions, for `make check`.
"""

import os
from collections.abc import Callable
from typing import Any

# Half of the calls a second that an account has by default, for all of its APIs together:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
DEFAULT_FANOUT_RPS = 5000

SENDERS = ("concurrent", "boto3")


def connections_table() -> str:
    """Return the name of the connection table."""
    return _text("CONNECTIONS_TABLE", "the name of the table in resources.json")


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
    """Return the maximum of calls a second to the management API; infinity is unlimited."""
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


# FANOUT_QUEUE is missing here: resources/scale.json sets it, not config.json.
READERS: dict[str, Callable[[], Any]] = {
    "CONNECTIONS_TABLE": connections_table,
    "WS_ACTIONS": ws_actions,
    "HISTORY_SECONDS": history_seconds,
    "CHANNEL_SHARDS": channel_shards,
    "FANOUT_LIMIT": fanout_limit,
    "FANOUT_RPS": fanout_rps,
    "FANOUT_SENDER": fanout_sender,
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

"""The user of a connection: who is signed in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# Printable ASCII characters without space and "#", which ends the first part of a row's key.
_USER_ID = re.compile(r"[!\"$-~]{1,128}")


@dataclass(frozen=True)
class User:
    """A person, as a verified token names them.

    Args:
        id: the token's `sub`.
        name: the name that others see.
        expires_at: the end of the token, in s since the epoch.
        claims: the claims that access.KEPT_CLAIMS names, for access.may.
        issued_at: the start of the token, in s since the epoch. None if it does not tell, and in
            users that are read from the table.
    """

    id: str
    name: str
    expires_at: int
    claims: Mapping[str, Any] = field(default_factory=dict)
    issued_at: float | None = None


def is_user_id(value: object) -> bool:
    """Return whether a value can be a user's id."""
    return isinstance(value, str) and _USER_ID.fullmatch(value) is not None

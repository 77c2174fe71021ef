"""The user of a connection: who is signed in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


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


def check_user(user: object) -> None:
    """Raise TypeError if the result of access.authenticate is neither a user nor None."""
    if user is not None and not isinstance(user, User):
        use = "return User(id=..., name=..., expires_at=...), or None for a guest"
        raise TypeError(f"authenticate in chalicelib/access.py returned {user!r}; {use}")

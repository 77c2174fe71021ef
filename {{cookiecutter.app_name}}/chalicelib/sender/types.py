"""What a sender is given, and what it says of each recipient."""

from collections.abc import Callable, Iterable
from typing import Literal

# Connection ids, each with the URL of its management API.
Recipients = Iterable[tuple[str, str]]

Verdict = Literal["delivered", "gone", "failed", "untried"]

# Called once for each connection id.
Settle = Callable[[str, Verdict], None]


class Forbidden(Exception):
    """API Gateway lets this function send nothing. The message says what to change."""

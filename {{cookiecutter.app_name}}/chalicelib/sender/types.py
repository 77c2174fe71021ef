"""The types that the senders share with their callers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

# Connection ids, each with the URL of its management API.
Recipients = Iterable[tuple[str, str]]

# "gone": the connection has ended. "untried": the deadline came before the first attempt.
Status = Literal["delivered", "gone", "failed", "untried"]

# Called once for each connection id, with its status.
OnResult = Callable[[str, Status], None]


@dataclass
class Outcome:
    """The result of sending: counts by status, and the ids of connections that are gone."""

    delivered: int = 0
    gone: list[str] = field(default_factory=list)
    failed: int = 0
    untried: int = 0

    def add(self, connection_id: str, status: Status) -> None:
        """Add the status of one recipient."""
        if status == "gone":
            self.gone.append(connection_id)
        else:
            setattr(self, status, getattr(self, status) + 1)

    def counts(self) -> dict[str, int]:
        """Return the number of recipients for each status."""
        return {**vars(self), "gone": len(self.gone)}


class Forbidden(Exception):
    """A refusal by API Gateway that concerns every recipient. The message says what to change."""

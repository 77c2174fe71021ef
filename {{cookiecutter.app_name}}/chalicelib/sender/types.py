"""The types that the senders share with their callers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

# Connection ids, each with the URL of its management API.
Recipients = Iterable[tuple[str, str]]

# "gone": the connection has ended. "untried": no attempt was accepted in time.
Status = Literal["delivered", "gone", "failed", "untried"]

# Called once for each connection id, with its status.
OnResult = Callable[[str, Status], None]


# A connection id of the form that API Gateway gives, which no connection has. A call with it shows
# whether the account's quota is used up.
MISSING_CONNECTION_ID = "AAAAAAAAAAAAAAA="

# A server that is about to close an idle HTTP connection answers 408. A gateway whose own
# connection has ended answers 502, 503 or 504.
STALE_STATUSES = (408, 502, 503, 504)


@dataclass
class Outcome:
    """The result of sending: counts by status. The ids that are gone or untried are listed."""

    delivered: int = 0
    gone: list[str] = field(default_factory=list)
    failed: int = 0
    untried: list[str] = field(default_factory=list)

    def add(self, connection_id: str, status: Status) -> None:
        """Add the status of one recipient."""
        if status == "delivered":
            self.delivered += 1
        elif status == "failed":
            self.failed += 1
        else:
            getattr(self, status).append(connection_id)

    def counts(self) -> dict[str, int]:
        """Return the number of recipients for each status, and what a subclass counts."""
        return {**vars(self), "gone": len(self.gone), "untried": len(self.untried)}


class Forbidden(Exception):
    """A refusal by API Gateway that concerns every recipient. The message says what to change."""

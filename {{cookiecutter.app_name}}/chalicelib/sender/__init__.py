"""One payload to many connections: `deliver` is the only entrance, how it sends its own affair."""

from dataclasses import dataclass, field

# With the app, and not when they are needed: all of its functions but connect send.
from chalicelib import settings
from chalicelib.sender import boto as plain
from chalicelib.sender import concurrent as sending
from chalicelib.sender.types import Recipients, Verdict


@dataclass
class Outcome:
    """What became of the recipients: how many got it, and who they are that are gone."""

    delivered: int = 0
    gone: list[str] = field(default_factory=list)
    failed: int = 0
    untried: int = 0

    def counts(self) -> dict[str, int]:
        """How many recipients each verdict has."""
        return {**vars(self), "gone": len(self.gone)}


def send(payload: bytes, recipients: Recipients, deadline: float) -> Outcome:
    """Send a payload to connections; the failure of one does not stop the others.

    Each gets it at least once: where a connection breaks before the answer, it is sent again.

    Args:
        payload: at most frames.MAX_BYTES.
        recipients: connection ids, each with the URL of its management API; taken as the
            sending goes on, so that reading them overlaps it.
        deadline: in seconds of time.monotonic(); whoever is left then is untried.

    Raises:
        Forbidden: the function's policy, its credentials or its clock are wrong.
        ssl.SSLCertVerificationError: what answers at the URL is not who it should be.
    """
    outcome = Outcome()

    def settle(connection_id: str, verdict: Verdict) -> None:
        if verdict == "gone":
            outcome.gone.append(connection_id)
        else:
            setattr(outcome, verdict, getattr(outcome, verdict) + 1)

    sender = plain if settings.fanout_sender() == "boto3" else sending
    sender.send(payload, recipients, deadline, settle)
    return outcome

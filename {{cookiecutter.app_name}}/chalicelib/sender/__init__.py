"""Send one payload to many connections. README.md describes the design."""

from chalicelib import settings

# The connect function sends nothing, and does not import this package. Every other function sends,
# so it imports both senders at its start.
from chalicelib.sender import boto, concurrent
from chalicelib.sender.types import Forbidden, Outcome, Recipients

__all__ = ["Forbidden", "Outcome", "send"]


def send(payload: bytes, recipients: Recipients, deadline: float) -> Outcome:
    """Send a payload to connections. A failure of one connection does not stop the others.

    A connection may get the payload more than once: it is sent again where the connection to API
    Gateway breaks before the response.

    Args:
        payload: at most frames.MAX_BYTES bytes.
        recipients: connection ids, each with the URL of its management API. Sending begins
            before all of them are read.
        deadline: when to stop, in seconds of time.monotonic().

    Raises:
        Forbidden: the function's policy, its credentials or its clock are wrong.
        ssl.SSLCertVerificationError: the server's certificate is not valid for the URL.
    """
    sender = boto if settings.fanout_sender() == "boto3" else concurrent
    outcome = Outcome()
    sender.send(payload, recipients, deadline, outcome.add)
    return outcome

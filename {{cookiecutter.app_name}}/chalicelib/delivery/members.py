"""A push on its way to members of its channel: who they are, and what becomes of those gone."""

import logging
import time
from collections.abc import Iterable, Iterator

from chalicelib.protocol.frames import Frame
from chalicelib.sender import Outcome, deliver
from chalicelib.storage.connections import homes, members, prune
from chalicelib.storage.table import Range, batches

log = logging.getLogger(__name__)

# Seconds past the deadline of sending that clearing up after it may take.
PRUNING = 2


def audience(push: Frame, but: str | None, part: Range | None = None) -> Iterator[str]:
    """The members that a push is for, but one, in the whole of its channel or a part of it."""
    # A stale read of the members could leave out who joined just before, and has read what was
    # sent until then: it would miss this message.
    everybody = members(push["channel"], part, consistent=push["type"] == "message")
    return (each for each in everybody if each != but)


def send(
    channel: str, payload: bytes, ids: Iterable[str], deadline: float, endpoint: str | None
) -> Outcome:
    """Send a payload to members of a channel, and forget those that are gone.

    Args:
        ids: their connection ids, taken as the sending goes on.
        deadline: when it must be over, in seconds of time.monotonic().
        endpoint: URL of the management API; None takes it from each connection's home row.
    """
    if endpoint is None:
        outcome = deliver(payload, ((h.connection_id, h.endpoint) for h in homes(ids)), deadline)
    else:
        outcome = deliver(payload, ((each, endpoint) for each in ids), deadline)
    for gone in batches(outcome.gone, 100):
        if time.monotonic() >= deadline + PRUNING:
            break  # the next that sends meets the others again
        try:
            prune(gone, channel)
        except Exception:  # who did get the push got it: a failure would have it sent again
            log.exception("connections that are gone were not pruned")
    # What the metrics in resources.production.json are made of.
    log.info("pushed", extra={"channel": channel, **outcome.counts()})
    return outcome

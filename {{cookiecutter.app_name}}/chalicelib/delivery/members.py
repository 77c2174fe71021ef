"""Send a payload to members of a channel, and remove connections that are gone."""

import logging
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from chalicelib.aws import Invocation
from chalicelib.sender import Outcome, send
from chalicelib.storage.channels import member_ids
from chalicelib.storage.connections import get_many, remove_gone
from chalicelib.storage.table import Range, batches

log = logging.getLogger(__name__)

# Seconds after the deadline of sending in which connections that are gone may be removed.
REMOVAL_SECONDS = 2


def recipient_ids(
    push: Mapping[str, Any],
    exclude: Collection[str],
    id_range: Range | None = None,
    page_size: int | None = None,
) -> Iterator[str]:
    """Yield the connection ids that a push is for.

    Args:
        exclude: connection ids to leave out.
        id_range: a range of the channel; None is all of it.
        page_size: members to read with each request; None reads as many as one request can.
    """
    # A client that has just joined has read the history already. A stale read of the members may
    # leave it out, and it would miss this message.
    consistent = push["type"] == "message"
    ids = member_ids(push["channel"], id_range, page_size, consistent)
    excluded = frozenset(exclude)
    return (each for each in ids if each not in excluded)


def send_to(channel: str, payload: bytes, ids: Iterable[str], invocation: Invocation) -> Outcome:
    """Send a payload to members of a channel, and remove those that are gone.

    Args:
        ids: their connection ids. The iterable is read while the payload is sent.

    Raises:
        Busy: the table is busy. Some members may have the payload already.
        Forbidden: the function may not send to the endpoint.
    """
    endpoint, deadline = invocation.endpoint, invocation.deadline
    if endpoint is None:
        recipients = ((each.connection_id, each.endpoint) for each in get_many(ids, deadline))
    else:
        recipients = ((each, endpoint) for each in ids)
    outcome = send(payload, recipients, deadline)
    for gone in batches(outcome.gone, 100):
        if time.monotonic() >= deadline + REMOVAL_SECONDS:
            # The next message to this channel gets 410 for the others, and removes them.
            break
        try:
            remove_gone(gone, channel, deadline + REMOVAL_SECONDS)
        except Exception:
            # The payload is sent. An error here would make the caller send it again.
            log.exception("connections that are gone were not removed")
    # The metric filters of resources/production.json read these fields.
    log.info("pushed", extra={"channel": channel, **outcome.counts()})
    return outcome

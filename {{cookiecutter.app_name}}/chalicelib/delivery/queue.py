"""Deliver a push to a channel that is too large for one function, through SQS.

Strategy: a push to a channel with more members than FANOUT_LIMIT becomes one task for each shard.
A task names a range of the channel. The fanout function splits a large range into smaller tasks,
and sends to a small range, slice by slice. A task stays in the queue until it is done: if the
function fails, another run repeats it. If the deadline comes first, a new task takes its place,
for the members that were not tried. A failed member was tried, and is only counted.
Without FANOUT_LIMIT nothing here sends a request. More in docs/scale.md.
"""

import json
import logging
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice
from typing import Any

from chalicelib import settings
from chalicelib.aws import NO_ANSWER, Invocation, client_config, session
from chalicelib.delivery.members import recipient_ids, send_to
from chalicelib.protocol.frames import MAX_PUSH_BYTES, Busy, encode
from chalicelib.sender import Outcome
from chalicelib.storage.table import Range, batches, shards

log = logging.getLogger(__name__)

# The maximum of one request to SQS. The size was 256 KiB, and is 1 MiB now:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
MAX_BATCH_MESSAGES = 10
MAX_BATCH_BYTES = 256 * 1024
_MAX_ATTEMPTS = 3

# The members of one slice, and the seconds that it may take. If less time is left before the
# deadline, a new task takes the rest of the range.
SLICE_MEMBERS = 1000
SLICE_SECONDS = 5

Task = dict[str, Any]


@dataclass
class Enqueued(Outcome):
    """An outcome without recipients: `queued` ranges of the channel are in the queue."""

    queued: int = 0


def enqueue(push: Mapping[str, Any], endpoint: str | None, exclude: Collection[str]) -> Enqueued:
    """Put a push into the queue: one task for each shard of its channel.

    Args:
        endpoint: URL of the management API; None takes it from each connection's row.
        exclude: connection ids to leave out.

    Raises:
        Busy: the queue did not take all ranges.
    """
    task = {"push": push, "endpoint": endpoint, "exclude": list(exclude)}
    return Enqueued(queued=_put(task, [Range(shard) for shard in shards()]))


def process_batch(event: Any, invocation: Invocation) -> dict[str, Any]:
    """Process the tasks that Lambda took from the queue.

    Args:
        event: SQS messages, as Lambda passes them.

    Returns:
        The SQS messages to keep in the queue, as ReportBatchItemFailures defines it:
        https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    failures = []
    for record in event["Records"]:
        try:
            _process(json.loads(record["body"]), invocation.deadline)
        except Exception:
            log.exception("a range of a channel stays in the queue: %s", record["messageId"])
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def _process(task: Task, deadline: float) -> None:
    id_range, limit = Range(*task["range"]), settings.fanout_limit()
    ids = recipient_ids(task["push"], task["exclude"], id_range)
    # One id more than the limit shows that the range is too large.
    first_ids = list(islice(ids, limit and limit + 1))
    if limit and len(first_ids) > limit:
        _put(task, _split(id_range, limit, chain(first_ids, ids), deadline))
    else:
        _send_range(task, id_range, first_ids, deadline)


def _send_range(task: Task, id_range: Range, ids: list[str], deadline: float) -> None:
    """Send to the members of a range. Enqueue a task for those that were not tried in time."""
    payload = encode(task["push"], MAX_PUSH_BYTES).encode()
    invocation = Invocation(deadline, task["endpoint"])
    remaining, rps = id_range, settings.fanout_rps()
    tried: set[str] = set()
    for ids_slice in batches(ids, SLICE_MEMBERS):
        started_at = time.monotonic()
        if started_at >= deadline - SLICE_SECONDS:
            break
        outcome = send_to(task["push"]["channel"], payload, ids_slice, invocation)
        if outcome.untried:
            first_untried = min(outcome.untried)
            tried = {*ids_slice} - {*outcome.untried}
            # Ids are in order.
            before = [each for each in ids_slice if each < first_untried]
            remaining = remaining._replace(after=[remaining.after, *before][-1])
            break
        remaining = id_range._replace(after=ids_slice[-1])
        # Each fan-out may begin with a burst. Several of them in turn must keep to the rate.
        time.sleep(max(0, started_at + len(ids_slice) / rps - time.monotonic()))
    else:
        return
    if remaining == id_range and not tried:
        raise TimeoutError("there was no time for one slice; use a smaller FANOUT_LIMIT")
    exclude = [each for each in {*task["exclude"], *tried} if each > remaining.after]
    _put({**task, "exclude": exclude}, [remaining])


def _split(id_range: Range, limit: int, ids: Iterable[str], deadline: float) -> Iterator[Range]:
    """Yield ranges of at most `limit` members, with no gap between them.

    A client that joins meanwhile is in one of them too.
    """
    until = None
    for batch in batches(ids, limit):
        if until is not None:
            yield id_range._replace(until=until)
            id_range = id_range._replace(after=until)
            if time.monotonic() >= deadline:
                # The next run splits the rest.
                break
        until = batch[-1]
    yield id_range


def _put(task: Task, ranges: Iterable[Range]) -> int:
    queue_url = settings.fanout_queue()
    # The bodies are ASCII, as json.dumps writes them: SQS refuses some characters of JSON.
    body_bytes = len(json.dumps(task)) + 256
    count = 0
    for batch in batches(ranges, max(1, min(MAX_BATCH_MESSAGES, MAX_BATCH_BYTES // body_bytes))):
        bodies = [json.dumps({**task, "range": each}) for each in batch]
        entries = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
        for _ in range(_MAX_ATTEMPTS):
            try:
                response = sqs().send_message_batch(QueueUrl=queue_url, Entries=entries)
            except NO_ANSWER as error:
                log.warning("SQS did not answer: %s", error)
                raise Busy from error
            failed = {each["Id"] for each in response.get("Failed", [])}
            entries = [each for each in entries if each["Id"] in failed]
            if not entries:
                break
        else:
            log.warning("SQS refused %d tasks %d times", len(entries), _MAX_ATTEMPTS)
            raise Busy
        count += len(batch)
    return count


@cache
def sqs() -> Any:
    """Return the SQS client."""
    return session.client("sqs", config=client_config())

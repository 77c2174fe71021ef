"""Past one function: a channel with more members than FANOUT_LIMIT goes to a queue, in parts.

Where FANOUT_LIMIT is not set, nothing here makes a request. What a worker takes from the queue is a
part of a channel: a small one is sent to, a large one is cut and its pieces go back to the queue.
A part leaves the queue only when it is done: if a worker dies, another does it again, and who gets
the message twice can tell by its message_id. More in docs/scale.md.
"""

import json
import logging
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice
from typing import Any

from botocore.config import Config

from chalicelib.aws import session
from chalicelib.delivery.members import audience, send
from chalicelib.protocol.frames import MAX_PUSH, Frame, encode
from chalicelib.sender import Outcome
from chalicelib.storage.table import Busy, Range, batches, shards

log = logging.getLogger(__name__)

# What SQS takes with one request: ten messages, of 1 MiB together, or of 256 KiB as it used to be:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
MOST = 10
BYTES = 256 * 1024

# So many members are sent to before a worker looks at the clock, and in seconds the time that it
# wants for them; with less, the rest of its part goes back to the queue.
SLICE = 1000
MARGIN = 5


@dataclass
class HandedOver(Outcome):
    """Nobody has a verdict yet: so many parts of the channel are in the queue."""

    queued: int = 0

    def counts(self) -> dict[str, int]:
        """How many recipients each verdict has, and how many parts are in the queue."""
        return {**super().counts(), "queued": self.queued}


def limit() -> int | None:
    """The most members that one function sends to; None is all of them."""
    setting = os.environ.get("FANOUT_LIMIT")
    if setting is None:
        return None
    if not setting.isdecimal() or int(setting) == 0:
        raise ValueError(f"FANOUT_LIMIT is no number (got {setting!r}); use 1 or more, as 5000")
    return int(setting)


def hand_over(push: Frame, endpoint: str | None, but: str | None) -> HandedOver:
    """Put a channel into the queue: the arguments are those of broadcast.publish.

    Raises:
        Busy: the queue did not take all of it.
    """
    task = {"push": push, "endpoint": endpoint, "but": but}
    return HandedOver(queued=_put(task, [Range(shard) for shard in shards()]))


def work(event: Any, deadline: float) -> dict[str, Any]:
    """Do what Lambda took from the queue.

    Args:
        event: SQS messages, as Lambda passes them.
        deadline: when sending must be over, in seconds of time.monotonic().

    Returns:
        what shall stay in the queue, as ReportBatchItemFailures has it.
    """
    failures = []
    for record in event["Records"]:
        try:
            _work(json.loads(record["body"]), deadline)
        except Exception:
            log.exception("a part of a broadcast stays in the queue: %s", record["messageId"])
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def _work(task: dict[str, Any], deadline: float) -> None:
    push, part, most = task["push"], Range(*task["part"]), limit()
    ids = audience(push, task["but"], part)
    first = list(islice(ids, most and most + 1))
    if most and len(first) > most:
        _put(task, _cut(part, most, chain(first, ids), deadline))
        return
    payload = encode(push, MAX_PUSH).encode()
    rest, pace = part, float(os.environ.get("FANOUT_RPS", "inf"))
    for some in batches(first, SLICE):
        begun = time.monotonic()
        if begun >= deadline - MARGIN:
            break
        outcome = send(push["channel"], payload, some, deadline, task["endpoint"])
        if outcome.untried or (outcome.failed and time.monotonic() >= deadline):
            break  # the deadline came: this slice again
        rest = part._replace(after=some[-1])
        # A fan-out may begin with a burst: a worker that does one after the other may not.
        time.sleep(max(0, begun + len(some) / pace - time.monotonic()))
    else:
        return
    if rest == part:
        raise TimeoutError("there was no time for one slice; use a smaller FANOUT_LIMIT")
    _put(task, [rest])


def _cut(part: Range, most: int, ids: Iterable[str], deadline: float) -> Iterator[Range]:
    """Pieces of a part that leave no gap between them: who joins meanwhile is in one too."""
    until = None
    for batch in batches(ids, most):
        if until is not None:
            yield part._replace(until=until)
            part = part._replace(after=until)
            if time.monotonic() >= deadline:
                break  # the rest is cut by the next
        until = batch[-1]
    yield part


def _put(task: dict[str, Any], parts: Iterable[Range]) -> int:
    url = os.environ.get("FANOUT_QUEUE")
    if url is None:
        raise ValueError("there is no FANOUT_QUEUE; use resources.scale.json where FANOUT_LIMIT is")
    # ASCII, as json.dumps writes it: SQS refuses some characters that JSON has.
    size = len(json.dumps(task)) + 256
    put = 0
    for batch in batches(parts, max(1, min(MOST, BYTES // size))):
        bodies = [json.dumps({**task, "part": part}) for part in batch]
        left = [{"Id": str(n), "MessageBody": body} for n, body in enumerate(bodies)]
        for _ in range(3):
            answer = sqs().send_message_batch(QueueUrl=url, Entries=left)
            failed = {each["Id"] for each in answer.get("Failed", [])}
            left = [each for each in left if each["Id"] in failed]
            if not left:
                break
        else:
            raise Busy(f"the queue did not take {len(left)} messages, three times")
        put += len(batch)
    return put


@cache
def sqs() -> Any:
    """The SQS client."""
    retries = {"mode": "standard", "total_max_attempts": 3}
    config = Config(connect_timeout=2, read_timeout=4, retries=retries)
    return session.client("sqs", config=config)

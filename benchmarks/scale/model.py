"""How long a message takes to reach a whole channel, and what it costs: a model, without AWS.

What chalicelib/scale.py and Lambda do is played through, part by part; nothing is sent.
"""

import heapq
from dataclasses import dataclass
from math import inf

# What Lambda does with a queue: five workers at first, 300 more a minute, 1,000 at most.
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
FIRST, MORE, MOST = 5, 300 / 60, 1000

SLICE = 1000  # as in chalicelib/scale.py
ROW = 57  # bytes of a member's row; the lobby's have some 200
PAGE = 1_000_000 // ROW  # rows in what DynamoDB answers at once


@dataclass(frozen=True)
class Plan:
    """Settings and quotas; without a limit it is one function, and no queue."""

    quota: float = 10_000  # requests a second to the management API, of the account
    rps: float = 5_000  # FANOUT_RPS
    workers: int = 2  # MaximumConcurrency
    shards: int = 1  # CHANNEL_SHARDS
    limit: int | None = None  # FANOUT_LIMIT


@dataclass(frozen=True)
class Times:
    """What things take, in s. Only a deployed app can tell these for sure."""

    hop: float = 0.05  # from one function through the queue into the next
    first: float = 0.03  # until a part's first members are read
    cut: float = 1 / 60_000  # to read one more member: what boto3 parses on a vCPU
    start: float = 0.1  # of a part: opening connections, waiting for the last answer
    send: float = 1 / 9_000  # to send to one more, as fast as a vCPU can
    lasts: float = 26  # what a function has for sending
    ramp: bool = True  # whether workers come as slowly as Lambda's


def reach(members: int, plan: Plan, times: Times) -> float:
    """Seconds until the last of a channel's members has a message; inf if some are not tried."""
    if plan.limit is None or members <= plan.limit:
        # A fan-out begins with the burst of a second.
        paced = members / min(plan.rps, plan.quota) - 1
        took = times.first + times.start + max(paced, members * times.send)
        return took if took <= times.lasts else inf
    workers = min(plan.workers, MOST)
    pace = min(plan.rps, plan.quota / workers)
    free = [max(0.0, (n - FIRST + 1) / MORE) * times.ramp for n in range(workers)]
    parts = [(0.0, len(range(n, members, plan.shards))) for n in range(plan.shards)]
    heapq.heapify(parts)
    # The sender reads a page to know that there are too many, and hands over.
    parts = [(times.first + min(members, PAGE) * times.cut, size) for _, size in parts]
    last = 0.0
    while parts:
        ready, size = heapq.heappop(parts)
        begin = max(ready + times.hop, heapq.heappop(free)) + times.first
        if size > plan.limit:
            end = begin + size * times.cut
            for done in range(0, size, plan.limit):
                # Ten pieces at a time go back to the queue.
                batch = min(size, (done // plan.limit // 10 + 1) * 10 * plan.limit)
                piece = min(plan.limit, size - done)
                heapq.heappush(parts, (begin + batch * times.cut, piece))
        else:
            end = begin + times.start + size / pace
            # The last slice is sent at once; what is left of its time is waited.
            some = min(size, SLICE)
            last = max(last, end - some / pace + some * times.send)
        heapq.heappush(free, end)
    return last


# Dollars in us-east-1, without what is free at first. A message is of 32 KB at most.
# https://aws.amazon.com/api-gateway/pricing/ https://aws.amazon.com/lambda/pricing/
# https://aws.amazon.com/dynamodb/pricing/on-demand/ https://aws.amazon.com/sqs/pricing/
MESSAGE, GB_SECOND, INVOCATION = 1.00e-6, 16.6667e-6, 0.20e-6
READ_UNIT, QUEUE_REQUEST = 0.125e-6, 0.40e-6

MEMORY = 0.5  # GB of a function


def million(members: int, plan: Plan, times: Times) -> dict[str, float]:
    """Dollars for a million messages delivered, by what takes them."""
    queued = plan.limit is not None and members > plan.limit
    parts = members / plan.limit if queued and plan.limit else 0
    busy = members / min(plan.rps, plan.quota / plan.workers if queued else inf)
    busy += (parts + 1) * (times.first + times.start) + (members * times.cut if queued else 0)
    reads = members * ROW / 4096 * (2 if queued else 1)  # the cut reads them too
    each = {
        "API Gateway": members * MESSAGE,
        "Lambda": busy * MEMORY * GB_SECOND + (parts + 1) * INVOCATION,
        "DynamoDB": reads * READ_UNIT,
        "SQS": parts * 2.1 * QUEUE_REQUEST,  # ten are put with a request, each taken and deleted
    }
    return {name: dollars / members * 1e6 for name, dollars in each.items()}

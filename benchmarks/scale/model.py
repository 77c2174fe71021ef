"""A model of the delivery to a large channel: its seconds and its dollars.

It simulates each range that chalicelib/delivery/queue.py splits, and the functions that Lambda
starts for them. It sends nothing.
"""

import heapq
from dataclasses import dataclass
from math import inf

# Lambda starts five workers for a queue, 300 more each minute, and 1,000 at most.
# https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html
FIRST_WORKERS, NEW_WORKERS_PER_SECOND, MAX_WORKERS = 5, 300 / 60, 1000

# As in chalicelib/delivery/queue.py.
SLICE_MEMBERS = 1000

# Bytes of a membership row. A connection row in the lobby has about 200.
ROW_BYTES = 57

# DynamoDB returns 1 MB with each request.
PAGE_ROWS = 1_000_000 // ROW_BYTES


@dataclass(frozen=True)
class Plan:
    """Settings and quotas. Without a limit, one function sends to all, and there is no queue."""

    quota: float = 10_000  # requests a second to the management API, of the account
    rps: float = 5_000  # FANOUT_RPS
    workers: int = 2  # MaximumConcurrency
    shards: int = 1  # CHANNEL_SHARDS
    limit: int | None = None  # FANOUT_LIMIT


@dataclass(frozen=True)
class Times:
    """Durations in seconds. The defaults are assumptions about AWS."""

    # From one function through the queue to the next.
    queue: float = 0.05
    # Until the first members of a range are read.
    first_read: float = 0.03
    # To read one more member: the time in which boto3 parses a row on a vCPU.
    read: float = 1 / 60_000
    # For each range: opening connections, and waiting for the last response.
    connect: float = 0.1
    # To send to one more member, at the speed of a vCPU.
    send: float = 1 / 9_000
    # The time that a function has for sending.
    function: float = 26
    # Whether Lambda adds workers step by step.
    ramp: bool = True


def reach(members: int, plan: Plan, times: Times) -> float:
    """Return the seconds until the last member of a channel has a message.

    The result is infinite where a function has no time for all members.
    """
    if plan.limit is None or members <= plan.limit:
        # A fan-out begins with the burst of a second.
        limited = members / min(plan.rps, plan.quota) - 1
        seconds = times.first_read + times.connect + max(limited, members * times.send)
        return seconds if seconds <= times.function else inf
    workers = min(plan.workers, MAX_WORKERS)
    rate = min(plan.rps, plan.quota / workers)
    free = [
        max(0.0, (n - FIRST_WORKERS + 1) / NEW_WORKERS_PER_SECOND) * times.ramp
        for n in range(workers)
    ]
    ranges = [(0.0, len(range(n, members, plan.shards))) for n in range(plan.shards)]
    heapq.heapify(ranges)
    # The publisher reads a page to know that there are too many, and enqueues the shards.
    ready = times.first_read + min(members, PAGE_ROWS) * times.read
    ranges = [(ready, size) for _, size in ranges]
    last = 0.0
    while ranges:
        ready, size = heapq.heappop(ranges)
        begin = max(ready + times.queue, heapq.heappop(free)) + times.first_read
        if size > plan.limit:
            end = begin + size * times.read
            for done in range(0, size, plan.limit):
                # Ten ranges at a time go to the queue.
                batch = min(size, (done // plan.limit // 10 + 1) * 10 * plan.limit)
                piece = min(plan.limit, size - done)
                heapq.heappush(ranges, (begin + batch * times.read, piece))
        else:
            end = begin + times.connect + size / rate
            # The last slice is sent at once. The function then waits for the rest of its time.
            last_slice = min(size, SLICE_MEMBERS)
            last = max(last, end - last_slice / rate + last_slice * times.send)
        heapq.heappush(free, end)
    return last


# Dollars in us-east-1, without the free tier. A message has 32 KB at most.
# https://aws.amazon.com/api-gateway/pricing/ https://aws.amazon.com/lambda/pricing/
# https://aws.amazon.com/dynamodb/pricing/on-demand/ https://aws.amazon.com/sqs/pricing/
MESSAGE, GB_SECOND, INVOCATION = 1.00e-6, 16.6667e-6, 0.20e-6
READ_UNIT, QUEUE_REQUEST = 0.125e-6, 0.40e-6

MEMORY_GB = 0.5


def million(members: int, plan: Plan, times: Times) -> dict[str, float]:
    """Return the dollars for a million delivered messages, by AWS service."""
    queued = plan.limit is not None and members > plan.limit
    ranges = members / plan.limit if queued and plan.limit else 0
    busy = members / min(plan.rps, plan.quota / plan.workers if queued else inf)
    busy += (ranges + 1) * (times.first_read + times.connect) + (
        members * times.read if queued else 0
    )
    # The function that splits a range reads its members too.
    reads = members * ROW_BYTES / 4096 * (2 if queued else 1)
    each = {
        "API Gateway": members * MESSAGE,
        "Lambda": busy * MEMORY_GB * GB_SECOND + (ranges + 1) * INVOCATION,
        "DynamoDB": reads * READ_UNIT,
        # Ten ranges are sent with a request. Each is received and deleted by itself.
        "SQS": ranges * 2.1 * QUEUE_REQUEST,
    }
    return {name: dollars / members * 1e6 for name, dollars in each.items()}

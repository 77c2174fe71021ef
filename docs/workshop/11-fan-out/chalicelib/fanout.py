"""Send to all members of a channel, many at once, and count what became of it."""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import ClientError
from chalicelib import people

THREADS = 16

# API Gateway waits 29 s for a function. The rest is for the reply.
MAX_SECONDS = 20


def send_to_all(channel, send):
    """Send to each member; return the counts.

    Args:
        channel: the channel.
        send: a function that sends to a connection, and returns False if it is gone.
    """
    end = time.monotonic() + MAX_SECONDS
    members = people.members(channel)
    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(lambda member: attempt(send, member, end), members))
    for member, result in zip(members, results, strict=True):
        if result == "gone":
            people.forget(member)
    counts = Counter(results)
    return {name: counts[name] for name in ("delivered", "gone", "untried")}


def attempt(send, member, end):
    """Send to one member. Wait where API Gateway says "too many requests"."""
    pause = 0.1
    while time.monotonic() < end:
        try:
            return "delivered" if send(member) else "gone"
        except ClientError as error:
            if error.response["Error"]["Code"] != "LimitExceededException":
                raise
        time.sleep(pause)
        pause = min(pause * 2, 1)
    return "untried"

"""What is compared. Each runs in a process of its own, on one core: nothing is left of the last.

Usage: python -m benchmarks.fanout.senders CORE SENDER URL RECIPIENTS CALLS (prints its figures)
"""

import json
import os
import re
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

PAYLOAD = json.dumps({"type": "message", "channel": "lobby", "data": "x" * 200}).encode()

# The floor's connections: enough to fill a core at 30 ms an answer, and fewer where handshakes
# would be most of the work.
LANES, RECIPIENTS_A_LANE = 200, 8

# Sends once to each recipient, and raises if one of them did not get it. Only this is measured.
Send = Callable[[], object]

# Makes what sends to the first so many recipients of an endpoint.
Sender = Callable[[str, int], Send]


def ids(count: int) -> Iterator[str]:
    """Connection ids as API Gateway's: 16 characters, base64 of 11 bytes."""
    return (urlsafe_b64encode(number.to_bytes(11, "big")).decode() for number in range(count))


def loop(url: str, count: int) -> Send:
    """Chalice's tutorial: one call after the other."""
    return _boto3(url, count, map)


def threads(url: str, count: int, number: int) -> Send:
    """The same client in so many threads."""
    return _boto3(url, count, ThreadPoolExecutor(number).map, max_pool_connections=number)


def _boto3(url: str, count: int, run: Callable[..., Iterator[object]], **options: int) -> Send:
    from boto3.session import Session
    from botocore.config import Config

    session, config = Session(), Config(**options)

    @cache
    def client() -> Any:
        return session.client("apigatewaymanagementapi", endpoint_url=url, config=config)

    def send() -> None:
        post = client().post_to_connection
        for _ in run(lambda each: post(ConnectionId=each, Data=PAYLOAD), ids(count)):
            pass

    return send


def ours(url: str, count: int) -> Send:
    """The generated app's, the app imported as on Lambda."""
    import_module("app")
    from chalicelib.sender import deliver

    def send() -> None:
        recipients = ((each, url) for each in ids(count))
        counts = deliver(PAYLOAD, recipients, time.monotonic() + 120).counts()
        assert counts == {"delivered": count, "gone": 0, "failed": 0, "untried": 0}, counts

    return send


def floor(url: str, count: int) -> Send:
    """What the CPU of a delivery is held against."""
    from benchmarks.fanout.floor import Floor

    address = urlsplit(url)
    head = f"Host: {address.netloc}\r\nContent-Length: {len(PAYLOAD)}\r\n\r\n"
    requests = [
        f"POST {address.path}/@connections/{quote(each)} HTTP/1.1\r\n{head}".encode() + PAYLOAD
        for each in ids(count)
    ]
    made = Floor(url, min(LANES, -(-count // RECIPIENTS_A_LANE)))
    return lambda: made.send(requests)


SENDERS: dict[str, Sender] = {
    "loop": loop,
    "boto3, 16 threads": partial(threads, number=16),
    "boto3, 32 threads": partial(threads, number=32),
    "ours": ours,
    "floor": floor,
}


def memory(figure: str) -> float:
    """VmRSS (what is held now) or VmHWM (the most since the last reset), in MiB."""
    found = re.search(rf"{figure}:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


def measure(send: Send, count: int) -> dict[str, float]:
    """Deliveries a second, CPU a delivery in us, and by how many MiB the process grew."""
    Path("/proc/self/clear_refs").write_text("5")  # resets VmHWM: proc(5)
    held, cpu, start = memory("VmRSS"), time.process_time(), time.perf_counter()
    send()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    grown = memory("VmHWM") - held
    return {"rate": count / seconds, "cpu": cpu / count * 1e6, "memory": grown}


def main(core: str, sender: str, url: str, recipients: str, calls: str) -> None:
    """Send so many times; all but the first time over connections that are there already."""
    os.sched_setaffinity(0, {int(core)})
    count = int(recipients)
    send = SENDERS[sender](url, count)
    print(json.dumps([measure(send, count) for _ in range(int(calls))]))


if __name__ == "__main__":
    main(*sys.argv[1:])

"""The senders that are compared. Each runs in a process of its own, on one core.

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

# Connections of the floor. 200 keep a core busy where a response takes 30 ms. With few recipients,
# the handshakes of 200 would be most of the work.
MAX_FLOOR_CONNECTIONS = 200
RECIPIENTS_PER_CONNECTION = 8

# Sends once to each recipient, and raises an error if that fails. Only this is measured.
Send = Callable[[], object]

# Prepares the sending to a number of recipients of an endpoint.
Sender = Callable[[str, int], Send]


def ids(count: int) -> Iterator[str]:
    """Yield connection ids as API Gateway makes them: base64 of 11 bytes."""
    return (urlsafe_b64encode(number.to_bytes(11, "big")).decode() for number in range(count))


def loop(url: str, count: int) -> Send:
    """Prepare calls of boto3 one after the other, as in Chalice's tutorial."""
    return _boto3(url, count, map)


def threads(url: str, count: int, number: int) -> Send:
    """Prepare calls of one boto3 client in a number of threads."""
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
    """Prepare the generated app's sender. The app is imported first, as on Lambda."""
    import_module("app")
    from chalicelib.sender import send

    def send_all() -> None:
        recipients = ((each, url) for each in ids(count))
        counts = send(PAYLOAD, recipients, time.monotonic() + 120).counts()
        assert counts == {"delivered": count, "gone": 0, "failed": 0, "untried": 0}, counts

    return send_all


def floor(url: str, count: int) -> Send:
    """Prepare the minimum that the CPU of the others is compared with."""
    from benchmarks.fanout.floor import Floor

    address = urlsplit(url)
    head = f"Host: {address.netloc}\r\nContent-Length: {len(PAYLOAD)}\r\n\r\n"
    requests = [
        f"POST {address.path}/@connections/{quote(each)} HTTP/1.1\r\n{head}".encode() + PAYLOAD
        for each in ids(count)
    ]
    connections = min(MAX_FLOOR_CONNECTIONS, -(-count // RECIPIENTS_PER_CONNECTION))
    sender = Floor(url, connections)
    return lambda: sender.send(requests)


SENDERS: dict[str, Sender] = {
    "loop": loop,
    "boto3, 16 threads": partial(threads, number=16),
    "boto3, 32 threads": partial(threads, number=32),
    "ours": ours,
    "floor": floor,
}


def memory(figure: str) -> float:
    """Return VmRSS (the memory now) or VmHWM (the maximum since the last reset), in MiB."""
    found = re.search(rf"{figure}:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1024


def measure(send: Send, count: int) -> dict[str, float]:
    """Return deliveries a second, CPU us a delivery, and MiB by which the process grew."""
    # This resets VmHWM: proc(5).
    Path("/proc/self/clear_refs").write_text("5")
    held, cpu, start = memory("VmRSS"), time.process_time(), time.perf_counter()
    send()
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    grown = memory("VmHWM") - held
    return {"rate": count / seconds, "cpu": cpu / count * 1e6, "memory": grown}


def main(core: str, sender: str, url: str, recipients: str, calls: str) -> None:
    """Measure a number of calls. The second and later ones use open connections."""
    os.sched_setaffinity(0, {int(core)})
    count = int(recipients)
    send = SENDERS[sender](url, count)
    print(json.dumps([measure(send, count) for _ in range(int(calls))]))


if __name__ == "__main__":
    main(*sys.argv[1:])

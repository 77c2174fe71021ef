"""Sends with boto3, for whoever prefers it: FANOUT_SENDER in .chalice/config.json is "boto3"."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import BoundedSemaphore, Lock
from typing import Any

from botocore.config import Config

from chalicelib.fanout import Recipients, Settle
from chalicelib.session import session

log = logging.getLogger(__name__)

# More threads send no more: past this, boto3's own work for a call fills the CPU.
THREADS = 16

# What is sent last may take two tries of a second to connect and two to be answered.
LAST = 6


def send(payload: bytes, recipients: Recipients, deadline: float, settle: Settle) -> None:
    """As fanout.deliver, which says what became of each by calling `settle`."""
    free, lock = BoundedSemaphore(THREADS), Lock()

    def post(client: Any, connection_id: str) -> None:
        verdict = "failed"
        try:
            client.post_to_connection(ConnectionId=connection_id, Data=payload)
            verdict = "delivered"
        except client.exceptions.GoneException:
            verdict = "gone"
        except Exception as error:
            log.error("connection %s: not delivered: %s", connection_id, error)
        finally:
            free.release()
            with lock:
                settle(connection_id, verdict)

    with ThreadPoolExecutor(THREADS) as pool:
        for connection_id, endpoint in recipients:
            if time.monotonic() >= deadline - LAST:
                with lock:
                    settle(connection_id, "untried")
                continue
            free.acquire()  # keeps what is read ahead of the sending small
            pool.submit(post, _client(endpoint), connection_id)


@cache
def _client(endpoint: str) -> Any:
    retries = {"mode": "standard", "total_max_attempts": 2}
    config = Config(
        connect_timeout=1, read_timeout=2, retries=retries, max_pool_connections=THREADS
    )
    return session.client("apigatewaymanagementapi", endpoint_url=endpoint, config=config)

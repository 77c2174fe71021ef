"""Sends with boto3, for whoever prefers it: FANOUT_SENDER in .chalice/config.json is "boto3"."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import BoundedSemaphore, Lock
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError

from chalicelib.aws import session
from chalicelib.sender.types import Forbidden, Recipients, Settle, Verdict

log = logging.getLogger(__name__)

# More threads send no more: past this, boto3's own work for a call fills the CPU.
THREADS = 16

# What is sent last may take two tries of a second to connect and two to be answered.
LAST = 6


def send(payload: bytes, recipients: Recipients, deadline: float, settle: Settle) -> None:
    """As fanout.deliver, which says what became of each by calling `settle`."""
    free, lock = BoundedSemaphore(THREADS), Lock()
    verdicts: set[Verdict] = set()
    refusals: list[ClientError] = []

    def post(client: Any, connection_id: str) -> None:
        verdict: Verdict = "failed"
        try:
            client.post_to_connection(ConnectionId=connection_id, Data=payload)
            verdict = "delivered"
        except client.exceptions.GoneException:
            verdict = "gone"
        except Exception as error:
            log.error("connection %s: not delivered: %s", connection_id, error)
            if isinstance(error, ClientError) and _status(error) == 403:
                refusals.append(error)
        finally:
            free.release()
            with lock:
                verdicts.add(verdict)
                settle(connection_id, verdict)

    with ThreadPoolExecutor(THREADS) as pool:
        for connection_id, endpoint in recipients:
            if time.monotonic() >= deadline - LAST:
                with lock:
                    settle(connection_id, "untried")
                continue
            free.acquire()  # keeps what is read ahead of the sending small
            pool.submit(post, _client(endpoint), connection_id)
    if refusals and verdicts == {"failed"}:
        raise Forbidden(f"allow execute-api:ManageConnections to this function: {refusals[0]}")


def _status(error: ClientError) -> int:
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


@cache
def _client(endpoint: str) -> Any:
    retries = {"mode": "standard", "total_max_attempts": 2}
    config = Config(
        connect_timeout=1, read_timeout=2, retries=retries, max_pool_connections=THREADS
    )
    return session.client("apigatewaymanagementapi", endpoint_url=endpoint, config=config)

"""Send with boto3, in threads. "FANOUT_SENDER": "boto3" in .chalice/config.json selects it."""

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from threading import BoundedSemaphore, Lock
from typing import Any

from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError

from chalicelib.aws import MAX_CALL_SECONDS, session
from chalicelib.sender.types import (
    MISSING_CONNECTION_ID,
    STALE_STATUSES,
    Forbidden,
    OnResult,
    Recipients,
    Status,
)

log = logging.getLogger(__name__)

# More threads do not send faster: boto3's own work for each call fills the CPU.
MAX_THREADS = 16

# Each attempt of one call of boto3 may use an idle connection that has ended, which boto3 then
# closes. Such a call is repeated this many times at most.
MAX_STALE_CALLS = 3


def send(payload: bytes, recipients: Recipients, deadline: float, on_result: OnResult) -> None:
    """Send as chalicelib.sender.send does, and report each status with `on_result`."""
    idle_threads, lock = BoundedSemaphore(MAX_THREADS), Lock()
    # A call that starts after `last_start` could end after the deadline. If less time is left than
    # a call may take, calls start in the first half of that time.
    now = time.monotonic()
    last_start = max(deadline - MAX_CALL_SECONDS, now + (deadline - now) / 2)
    statuses: set[Status] = set()
    refusals: list[Exception] = []

    def post(client: Any, connection_id: str) -> None:
        status: Status = "failed"
        try:
            _post(client, connection_id, payload)
            status = "delivered"
        except client.exceptions.GoneException:
            status = "gone"
        except Exception as error:
            log.warning("connection %s: not delivered: %s", connection_id, error)
            http_status = _http_status(error)
            if http_status == 403:
                refusals.append(error)
            elif http_status == 429 and not _has_quota(client, payload):
                # The account's quota refused the call. A later fan-out may send the payload.
                status = "untried"
        finally:
            idle_threads.release()
            with lock:
                statuses.add(status)
                on_result(connection_id, status)

    with ThreadPoolExecutor(MAX_THREADS) as executor:
        for connection_id, endpoint in recipients:
            if time.monotonic() >= last_start:
                with lock:
                    on_result(connection_id, "untried")
                continue
            # Without this, all recipients would be read into the executor's queue.
            idle_threads.acquire()
            executor.submit(post, _client(endpoint), connection_id)
    if refusals and statuses == {"failed"}:
        raise Forbidden(f"allow execute-api:ManageConnections to this function: {refusals[0]}")


def _post(client: Any, connection_id: str, payload: bytes) -> None:
    for _ in range(MAX_STALE_CALLS):
        try:
            client.post_to_connection(ConnectionId=connection_id, Data=payload)
        except (ConnectionClosedError, ClientError) as error:
            if isinstance(error, ClientError) and _http_status(error) not in STALE_STATUSES:
                raise
        else:
            return
    client.post_to_connection(ConnectionId=connection_id, Data=payload)


def _has_quota(client: Any, payload: bytes) -> bool:
    """Return whether the account's quota accepts a call. If so, a 429 was the recipient's own."""
    try:
        client.post_to_connection(ConnectionId=MISSING_CONNECTION_ID, Data=payload)
    except Exception as error:
        status = _http_status(error)
        return 0 < status < 500 and status != 429
    return True


def _http_status(error: Exception) -> int:
    """Return the status of the response, or 0 without one."""
    if not isinstance(error, ClientError):
        return 0
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"])


@cache
def _client(endpoint: str) -> Any:
    config = Config(max_pool_connections=MAX_THREADS)
    return session.client("apigatewaymanagementapi", endpoint_url=endpoint, config=config)

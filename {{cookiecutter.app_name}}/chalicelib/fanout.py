"""One payload to many connections: `deliver` is the only entrance, how it sends its own affair."""

import logging
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from threading import BoundedSemaphore, Lock
from typing import Any

from botocore.config import Config

from chalicelib.session import session

log = logging.getLogger(__name__)

# More threads send no more: past this, boto3's own work for a call fills the CPU.
THREADS = 16

# Of the function's time, in s: 6 for what is sent last (two tries of 1 + 2, below), 2 to prune, 1
# to answer.
RESERVE = 9


@dataclass
class Outcome:
    """What became of the recipients: how many got it, and who they are that are gone."""

    delivered: int = 0
    gone: list[str] = field(default_factory=list)
    failed: int = 0
    untried: int = 0

    def counts(self) -> dict[str, int]:
        """How many recipients each verdict has."""
        return {**vars(self), "gone": len(self.gone)}


def deadline(context: Any) -> float:
    """When sending must be over, in seconds of time.monotonic(), from Lambda's context."""
    return time.monotonic() + float(context.get_remaining_time_in_millis()) / 1000 - RESERVE


def deliver(payload: bytes, recipients: Iterable[tuple[str, str]], deadline: float) -> Outcome:
    """Send a payload to connections; the failure of one does not stop the others.

    Args:
        payload: at most frames.MAX_BYTES.
        recipients: connection ids, each with the URL of its management API; taken as the
            sending goes on, so that reading them overlaps it.
        deadline: in seconds of time.monotonic(); whoever is left then is untried.
    """
    outcome, lock = Outcome(), Lock()
    free = BoundedSemaphore(THREADS)

    def send(client: Any, connection_id: str) -> None:
        delivered, gone, failed = 0, [], 0
        try:
            client.post_to_connection(ConnectionId=connection_id, Data=payload)
            delivered = 1
        except client.exceptions.GoneException:
            gone = [connection_id]
        except Exception as error:
            log.error("connection %s: not delivered: %s", connection_id, error)
            failed = 1
        finally:
            free.release()
        with lock:
            outcome.delivered += delivered
            outcome.gone += gone
            outcome.failed += failed

    with ThreadPoolExecutor(THREADS) as pool:
        for connection_id, endpoint in recipients:
            if time.monotonic() >= deadline:
                outcome.untried += 1
                continue
            free.acquire()  # keeps what is read ahead of the sending small
            pool.submit(send, _client(endpoint), connection_id)
    return outcome


@cache
def _client(endpoint: str) -> Any:
    retries = {"mode": "standard", "total_max_attempts": 2}
    config = Config(
        connect_timeout=1, read_timeout=2, retries=retries, max_pool_connections=THREADS
    )
    return session.client("apigatewaymanagementapi", endpoint_url=endpoint, config=config)

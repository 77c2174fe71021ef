"""The times of a client."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """The times of a client, in seconds.

    API Gateway closes what is idle for 10 minutes, and everything after 2 hours. Both are
    anticipated at random moments, so that clients that came together do not go on together:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html

    Args:
        open_seconds: the longest handshake.
        reply_seconds: the longest wait for a reply.
        heartbeat_seconds: the time between two heartbeats, about.
        renew_seconds: the age at which a connection is replaced, about.
        first_pause_seconds: the longest pause before the first retry. It doubles each time.
        max_pause_seconds: the longest pause.
    """

    open_seconds: float = 10
    reply_seconds: float = 30
    heartbeat_seconds: float = 240
    renew_seconds: float = 5400
    first_pause_seconds: float = 2
    max_pause_seconds: float = 64

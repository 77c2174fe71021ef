"""The limits of a WebSocket API, in a module that loads nothing else."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """API Gateway's limits. (AWS)

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
    """

    idle_seconds: float = 600
    duration_seconds: float = 7200
    integration_seconds: float = 29

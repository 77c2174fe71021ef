"""The app's access to AWS: one boto3 session, and the facts of one invocation.

No client is made before it is needed.
"""

import os
import time
from dataclasses import dataclass
from typing import Any

import boto3.session
from botocore import exceptions
from botocore.config import Config
from chalice.app import WebsocketEvent

# URL of the management API. If it is set, it replaces the endpoint of each client of that API.
ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"

# Sending ends this long before the function's time does: 2 s to remove connections that are gone
# (delivery.members.REMOVAL_SECONDS), and 1 s to answer.
RESERVE_SECONDS = 3

# API Gateway waits this long for the function of a WebSocket event. lambda_timeout cannot raise it:
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-execution-service-websocket-limits-table.html
INTEGRATION_SECONDS = 29

# boto3's own timeouts are 60 s. An idle connection may have ended unnoticed while Lambda had frozen
# the function. A call over it then fails after the read timeout, and is repeated over a new one.
CONNECT_TIMEOUT_SECONDS = 1
READ_TIMEOUT_SECONDS = 2
MAX_ATTEMPTS = 3
MAX_CALL_SECONDS = MAX_ATTEMPTS * (CONNECT_TIMEOUT_SECONDS + READ_TIMEOUT_SECONDS)


# The errors of a call that got no answer, after boto3 has repeated it. AWS may have processed it.
NO_ANSWER = (exceptions.ConnectionError, exceptions.HTTPClientError)


class Session(boto3.session.Session):  # type: ignore[misc]  # boto3 has no types
    """A boto3 session whose clients of the management API suit a function.

    They have the timeouts of `client_config`, unless the caller sets others. Chalice passes the
    endpoint that it builds from the API's id. boto3 would prefer this endpoint to the one in the
    environment. Here AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI overrides it, for an emulator.
    """

    def client(self, service_name: str, *args: Any, **kwargs: Any) -> Any:
        """Make a client, as boto3.session.Session.client does."""
        if service_name == "apigatewaymanagementapi":
            kwargs["config"] = client_config().merge(kwargs.get("config") or Config())
            if override := os.environ.get(ENDPOINT_VARIABLE):
                kwargs["endpoint_url"] = override
        return super().client(service_name, *args, **kwargs)


session = Session()


@dataclass(frozen=True)
class Invocation:
    """One run of a function.

    Args:
        deadline: the end of sending, in seconds of time.monotonic().
        endpoint: URL of the management API of the event's stage. None if another service
            called the function: each connection's row has the URL.
    """

    deadline: float
    endpoint: str | None = None

    @classmethod
    def from_event(cls, event: WebsocketEvent) -> "Invocation":
        """Return the invocation for a WebSocket event."""
        return cls(_deadline(event.context, INTEGRATION_SECONDS), endpoint_url(event))

    @classmethod
    def from_context(cls, context: Any) -> "Invocation":
        """Return the invocation for any other event, from Lambda's context."""
        return cls(_deadline(context))


def endpoint_url(event: WebsocketEvent) -> str:
    """Return the URL of the management API for the stage of an event.

    It is built from the API's id, as Chalice does. The event's domainName may be a custom
    domain, which does not serve @connections under the same path.
    """
    context = event.to_dict()["requestContext"]
    region = str(session.region_name)
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://{context['apiId']}.execute-api.{region}.{domain}/{context['stage']}"


def client_config() -> Config:
    """Return the timeouts and retries of a client.

    The attempts of one call take MAX_CALL_SECONDS at most, without the waits between them.
    """
    return Config(
        connect_timeout=CONNECT_TIMEOUT_SECONDS,
        read_timeout=READ_TIMEOUT_SECONDS,
        retries={"mode": "standard", "total_max_attempts": MAX_ATTEMPTS},
    )


def _deadline(context: Any, max_seconds: float = float("inf")) -> float:
    remaining_seconds = float(context.get_remaining_time_in_millis()) / 1000
    return time.monotonic() + min(remaining_seconds, max_seconds) - RESERVE_SECONDS

"""The app's access to AWS: one boto3 session, and the facts of one invocation.

No client is made before it is needed.
"""

import os
import time
from dataclasses import dataclass
from typing import Any

import boto3.session
from chalice.app import WebsocketEvent

# URL of the management API. If it is set, it replaces the endpoint of each client of that API.
ENDPOINT_VARIABLE = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"

# Seconds of the function's time that sending leaves: 2 to remove connections that are gone
# (delivery.members.REMOVAL_SECONDS), and 1 to answer.
RESERVE_SECONDS = 3


class Session(boto3.session.Session):  # type: ignore[misc]  # boto3 has no types
    """A boto3 session that can send calls of the management API to an emulator.

    Chalice passes the endpoint that it builds from the API's id. boto3 lets an explicit endpoint
    override the environment. Here AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI overrides both.
    """

    def client(self, service_name: str, *args: Any, **kwargs: Any) -> Any:
        """Make a client, as boto3.session.Session.client does."""
        override = os.environ.get(ENDPOINT_VARIABLE)
        if service_name == "apigatewaymanagementapi" and override:
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
        return cls(_deadline(event.context), endpoint_url(event))

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


def _deadline(context: Any) -> float:
    remaining_seconds = float(context.get_remaining_time_in_millis()) / 1000
    return time.monotonic() + remaining_seconds - RESERVE_SECONDS

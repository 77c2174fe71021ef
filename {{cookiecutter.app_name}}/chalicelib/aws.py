"""The app's boto3 session: one for the whole app. No client is made before it is needed."""

import os
from typing import Any

import boto3.session
from chalice.app import WebsocketEvent

# Where it is set, it is the management API's URL, whatever an event or a row says.
OVERRIDE = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"


class Session(boto3.session.Session):  # type: ignore[misc]  # boto3 has no types
    """A boto3 session whose management API can be pointed at an emulator.

    Chalice passes the endpoint it builds from the API's id, and boto3 lets an explicit
    endpoint win over the environment; here AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI wins.
    """

    def client(self, service_name: str, *args: Any, **kwargs: Any) -> Any:
        """Make a client, as boto3.session.Session.client does."""
        override = os.environ.get(OVERRIDE)
        if service_name == "apigatewaymanagementapi" and override:
            kwargs["endpoint_url"] = override
        return super().client(service_name, *args, **kwargs)


session = Session()


def endpoint(event: WebsocketEvent) -> str:
    """The URL of the management API of the stage that `event` came through.

    Built from the API's id, as Chalice does: the event's domainName may be a custom
    domain, which does not serve @connections under the same path.
    """
    context = event.to_dict()["requestContext"]
    region = str(session.region_name)
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return f"https://{context['apiId']}.execute-api.{region}.{domain}/{context['stage']}"

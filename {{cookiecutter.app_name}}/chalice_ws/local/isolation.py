"""Isolation from AWS: every request to AWS stays on this machine."""

import os
from typing import Any

from botocore.handlers import BUILTIN_HANDLERS

MANAGEMENT_URL = "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"

# botocore chooses a proxy when it makes a client, by the endpoint that the app passes.
NO_PROXY = "127.0.0.1,localhost,amazonaws.com,amazonaws.com.cn"


def isolate(database: str, gateway: str) -> dict[str, str]:
    """Remove this machine's AWS settings; return the variables that replace them.

    Args:
        database: the URL of DynamoDB, SQS and every service without a URL of its own.
        gateway: the URL of the WebSocket API's stage.
    """
    for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_REGION"]:
        del os.environ[name]
    region = os.environ.get("AWS_REGION", "us-east-1")
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    no_proxy = f"{given},{NO_PROXY}" if given else NO_PROXY
    return {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": database,
        MANAGEMENT_URL: gateway,
        "AWS_ENDPOINT_URL_LAMBDA": gateway.rsplit("/", 1)[0],
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
    }


def redirect_management_clients() -> None:
    """Lead every apigatewaymanagementapi client of this process to the gateway.

    Chalice and most apps pass an endpoint to boto3, which then ignores the environment. This
    replaces the endpoint of each request. It applies to sessions made after the call.
    """
    BUILTIN_HANDLERS.append(("before-endpoint-resolution.apigatewaymanagementapi", _redirect))


def _redirect(builtins: dict[str, Any], **_: Any) -> None:
    builtins["SDK::Endpoint"] = os.environ[MANAGEMENT_URL]

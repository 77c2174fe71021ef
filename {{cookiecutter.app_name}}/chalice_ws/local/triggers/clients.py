"""The gateway's own clients of the services on this machine."""

from typing import Any

import boto3
from botocore.config import Config


def make_client(service: str, variable: str, environment: dict[str, str]) -> Any:
    """Return a client.

    Args:
        service: the name of the service in boto3.
        variable: the name of the variable with the service's endpoint.
        environment: the variables from `isolate`.
    """
    return boto3.client(
        service,
        endpoint_url=environment[variable],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        config=Config(proxies={}),
    )

"""Keeps what runs here away from any AWS account."""

import os


def isolate(database: str, gateway: str) -> dict[str, str]:
    """Make sure that no account on this machine is used; return the variables that do it.

    Whatever is configured for AWS here is dropped, and every service leads to this machine.
    """
    for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_REGION"]:
        del os.environ[name]
    region = os.environ.get("AWS_REGION", "us-east-1")
    return {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": database,
        "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": gateway,
        "AWS_ENDPOINT_URL_LAMBDA": gateway.rsplit("/", 1)[0],
    }

"""Isolation from AWS: no request of an app to AWS leaves this machine."""

import os

from chalice_ws.project.aws_settings import NO_SETTINGS

# What stands in for AWS on this machine is never behind a proxy.
_DIRECT = "127.0.0.1,::1,localhost"


def isolate(database: str, gateway: str) -> dict[str, str]:
    """Remove this machine's AWS settings; return the variables that replace them.

    Args:
        database: the URL of every service without a URL of its own.
        gateway: the URL of the WebSocket API's stage.
    """
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    # The gateway's own clients read no settings of this machine either.
    os.environ.update(NO_SETTINGS, AWS_REGION=region)
    given = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    # Beside other names, * would no longer mean all hosts.
    no_proxy = given if given == "*" else f"{given},{_DIRECT}" if given else _DIRECT
    return {
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        **NO_SETTINGS,
        "AWS_ENDPOINT_URL": database,
        "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": gateway,
        "AWS_ENDPOINT_URL_LAMBDA": gateway.rsplit("/", 1)[0],
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
    }

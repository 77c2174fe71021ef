"""The endpoints of an app's AWS clients on this machine.

| service | endpoint |
|---|---|
| API Gateway's management API | the gateway, whatever endpoint the app names |
| Lambda; DynamoDB, SQS, SNS, SSM and Secrets Manager, if the app defines some | this machine |
| a service that --endpoint names | the URL of the option |
| a client whose endpoint is not AWS's, such as an emulator | the app's endpoint |
| any other | an error that says what to do |
"""

import ipaddress
import os
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import botocore.session
from botocore.exceptions import BotoCoreError, UnknownServiceError
from botocore.handlers import BUILTIN_HANDLERS
from botocore.httpsession import ProxyConfiguration
from botocore.loaders import create_loader

from chalice_ws.local.definitions import LOCAL_VALUES
from chalice_ws.project.config import AppError

# boto3's variables for the endpoints of the services that the gateway starts.
DATABASE_ENDPOINT = "AWS_ENDPOINT_URL_DYNAMODB"
STREAMS_ENDPOINT = "AWS_ENDPOINT_URL_DYNAMODB_STREAMS"
QUEUES_ENDPOINT = "AWS_ENDPOINT_URL_SQS"
TOPICS_ENDPOINT = "AWS_ENDPOINT_URL_SNS"
PARAMETERS_ENDPOINT = "AWS_ENDPOINT_URL_SSM"
SECRETS_ENDPOINT = "AWS_ENDPOINT_URL_SECRETS_MANAGER"

# botocore's ids of services. A hint says how to get a local service for the calls.
_MANAGEMENT = "ApiGatewayManagementApi"
_HINTS = {
    "DynamoDB": "define a table in resources.json, or use --database URL",
    "DynamoDB Streams": "define a table in resources.json, or use --database URL",
    "SQS": "define the queue in resources.json",
    "SNS": "define the topic in resources.json, or add --endpoint sns=URL",
    "SSM": f'put the value into {LOCAL_VALUES}: {{"parameters": {{"NAME": "VALUE"}}}}, '
    "or add --endpoint ssm=URL",
    "Secrets Manager": f'put the value into {LOCAL_VALUES}: {{"secrets": {{"NAME": "VALUE"}}}}, '
    "or add --endpoint secretsmanager=URL",
}

# The error codes of the services above for a name that does not exist.
_NOT_FOUND = ("NotFound", "NotFoundException", "NonExistentQueue", "QueueDoesNotExist")


class ServiceNotAvailable(BotoCoreError):  # type: ignore[misc]
    """A call to a service of AWS that nothing on this machine stands in for."""

    fmt = "{service} is not available on this machine (got a call of {operation}); {use}"


def endpoint_variable(name: str) -> str:
    """Return boto3's environment variable for the endpoint of a service.

    Args:
        name: the service's name in boto3, such as s3.

    Raises:
        AppError: boto3 has no such service.
    """
    session = botocore.session.Session()
    try:
        return _variable(session.get_service_model(name).service_id)
    except UnknownServiceError:
        use = "use a name of boto3, such as s3"
        raise AppError(f"AWS has no such service (got {name!r}); {use}") from None


def redirect_clients() -> None:
    """Lead the AWS clients of this process to their endpoints on this machine.

    Chalice and many apps pass an endpoint to boto3, which then ignores the environment. So the
    endpoint of each request is replaced. Sessions that were made before the call keep theirs.
    """
    BUILTIN_HANDLERS.append(("before-endpoint-resolution", _redirect))
    BUILTIN_HANDLERS.append(("after-call", _explain_not_found))
    # botocore chooses a proxy when it makes a client, by the endpoint that the app passes.
    ProxyConfiguration.proxy_url_for = _proxy_url_for


def _redirect(builtins: dict[str, Any], model: Any, **_: Any) -> None:
    service = model.service_model.service_id
    given, own = builtins.get("SDK::Endpoint"), os.environ.get(_variable(service))
    # The app has named no endpoint, or boto3 has taken it from AWS_ENDPOINT_URL.
    is_default = given in (None, os.environ.get("AWS_ENDPOINT_URL"))
    if service != _MANAGEMENT and not is_default and not _is_aws(given):
        return
    if own is None or _is_aws(own):
        name = model.service_model.service_name
        use = _HINTS.get(service, f"run an emulator, and add --endpoint {name}=URL")
        raise ServiceNotAvailable(service=service, operation=model.name, use=use)
    builtins["SDK::Endpoint"] = own
    # botocore refuses both for an endpoint that is not AWS's.
    builtins["AWS::UseDualStack"] = builtins["AWS::UseFIPS"] = False


def _explain_not_found(parsed: dict[str, Any], model: Any, **_: Any) -> None:
    error, hint = parsed.get("Error", {}), _HINTS.get(model.service_model.service_id)
    if hint and str(error.get("Code")).endswith(_NOT_FOUND):
        error["Message"] = f"{error.get('Message')} (on this machine: {hint})"


_original_proxy_url_for = ProxyConfiguration.proxy_url_for


def _proxy_url_for(configuration: ProxyConfiguration, url: str) -> str | None:
    if _is_this_machine(urlsplit(url).hostname or ""):
        return None
    proxy: str | None = _original_proxy_url_for(configuration, url)
    return proxy


def _variable(service_id: str) -> str:
    return f"AWS_ENDPOINT_URL_{service_id.replace(' ', '_').upper()}"


def _is_aws(url: str | None) -> bool:
    return (urlsplit(url or "").hostname or "").rstrip(".").endswith(_aws_domains())


@cache
def _aws_domains() -> tuple[str, ...]:
    partitions = create_loader().load_data("partitions")["partitions"]
    kinds = ("dnsSuffix", "dualStackDnsSuffix")
    return tuple(f".{each['outputs'][kind]}" for each in partitions for kind in kinds)


@cache
def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")

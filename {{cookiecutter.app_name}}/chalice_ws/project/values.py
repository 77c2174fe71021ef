"""Check the values in .chalice/config.json: their types, and the limits of AWS.

Chalice checks few of them. It takes a wrong type as it is: the text "false" is true.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from chalice_ws.project.config import CONFIG

# The names that Lambda reserves.
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
RESERVED_VARIABLES = {
    "_HANDLER",
    "_X_AMZN_TRACE_ID",
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
    "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION",
    "AWS_LAMBDA_INITIALIZATION_TYPE",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
}
# Lambda's limit on the names and values of a function's variables together.
MAX_VARIABLES_BYTES = 4096

# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
RETENTION_DAYS = [
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
]

_MAX_MEMORY, _MAX_TIMEOUT = 10_240, 900
MAX_LAYERS = 5

# Chalice adds one to the 50 that AWS takes.
_MAX_TAGS = 49

# https://docs.aws.amazon.com/lambda/latest/api/API_VpcConfig.html
_MAX_SUBNETS, _MAX_GROUPS = 16, 5


class Rule(NamedTuple):
    """The valid values of a setting: a test, and words for the message."""

    is_valid: Callable[[Any], bool]
    use: str


def _number(low: int, high: int) -> Rule:
    # True is an int in Python.
    def is_valid(value: Any) -> bool:
        return type(value) is int and low <= value <= high

    return Rule(is_valid, f"a number from {low} to {high}, without quotes")


def _text(pattern: str, use: str) -> Rule:
    return Rule(lambda value: isinstance(value, str) and bool(re.fullmatch(pattern, value)), use)


def _texts(pattern: str, use: str, maximum: int) -> Rule:
    def is_valid(value: Any) -> bool:
        is_list = isinstance(value, list) and len(value) <= maximum
        # CloudFormation's own references are objects.
        return is_list and all(
            isinstance(each, dict) or (isinstance(each, str) and re.fullmatch(pattern, each))
            for each in value
        )

    return Rule(is_valid, use)


def _layers(pattern: str, use: str) -> Rule:
    each_is_valid = _texts(pattern, use, MAX_LAYERS).is_valid

    def is_valid(value: Any) -> bool:
        if not each_is_valid(value):
            return False
        # Lambda takes one version of a layer.
        names = [each.rpartition(":")[0] for each in value if isinstance(each, str)]
        return len(names) == len(set(names))

    return Rule(is_valid, use)


_BOOLEAN = Rule(lambda value: isinstance(value, bool), "true or false, without quotes")
_FILE = _text(".+", "the name of a file below .chalice/")

RULES = {
    "api_gateway_endpoint_type": _text("EDGE|REGIONAL|PRIVATE", "EDGE, REGIONAL or PRIVATE"),
    "api_gateway_policy_file": _FILE,
    "api_gateway_stage": _text("[A-Za-z0-9_-]{1,128}", "letters, digits, - and _"),
    "app_name": _text("[A-Za-z][A-Za-z0-9_-]*", "letters, digits and -, with a letter first"),
    "autogen_policy": _BOOLEAN,
    "automatic_layer": _BOOLEAN,
    "iam_policy_file": _FILE,
    "iam_role_arn": _text(r"arn:aws[a-z-]*:iam::\d{12}:role/.+", "the ARN of a role: arn:aws:iam:"),
    "lambda_architecture": _text("x86_64|arm64", "x86_64 or arm64"),
    "lambda_memory_size": _number(128, _MAX_MEMORY),
    "lambda_timeout": _number(1, _MAX_TIMEOUT),
    "layers": _layers(
        r"arn:aws[a-z-]*:lambda:[a-z0-9-]+:\d+:layer:[^:]+:\d+",
        f"a list of at most {MAX_LAYERS} ARNs, one version of each layer, with it at the end",
    ),
    "log_retention_in_days": Rule(
        lambda value: type(value) is int and value in RETENTION_DAYS,
        f"one of {', '.join(map(str, RETENTION_DAYS))}",
    ),
    "manage_iam_role": _BOOLEAN,
    "minimum_compression_size": _number(0, 10_485_760),
    "profile": _text(".+", "the name of a profile"),
    "reserved_concurrency": Rule(
        lambda value: type(value) is int and value > 0,
        "a number from 1: AWS would refuse each call of a function with 0",
    ),
    "security_group_ids": _texts(
        r"sg-\S+", f'a list of at most {_MAX_GROUPS}, ["sg-0123456789abcdef0"]', _MAX_GROUPS
    ),
    "subnet_ids": _texts(
        r"subnet-\S+",
        f'a list of at most {_MAX_SUBNETS}, ["subnet-0123456789abcdef0"]',
        _MAX_SUBNETS,
    ),
    "version": _text(r"2\.0", '"2.0"'),
    "xray": _BOOLEAN,
}


DOMAIN_RULES = {
    "certificate_arn": _text(
        r"arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/.+",
        "the ARN of a certificate: arn:aws:acm:REGION:ACCOUNT:certificate/ID",
    ),
    "domain_name": _text(r"(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)+", "a name such as chat.example.com"),
    "tls_version": _text("TLS_1_[02]", "TLS_1_2"),
    # A WebSocket API takes one part of a path.
    "url_prefix": _text(r"/|[A-Za-z0-9$_.+!*'()-]+", "a part of a path without /, such as v1"),
}
DOMAIN_KEYS = (*DOMAIN_RULES, "tags")


def check_values(where: str, settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield the values of an object of settings that Chalice or AWS would refuse or misread.

    Args:
        where: the path to the object in config.json, such as "stages.dev.".
        settings: the object.
    """
    for name, value in settings.items():
        rule = RULES.get(name)
        # Chalice takes null as a missing setting.
        if rule and value is not None and not rule.is_valid(value):
            yield f"{CONFIG}: {where}{name} is not valid (got {value!r}); use {rule.use}"
    for name in ("api_gateway_custom_domain", "websocket_api_custom_domain"):
        if name in settings:
            yield from _check_domain(f"{where}{name}", settings[name])
    yield from _check_tags(f"{where}tags", settings.get("tags", {}))
    for name in settings.get("environment_variables", {}):
        if name in RESERVED_VARIABLES:
            yield f"{CONFIG}: {where}environment_variables: Lambda reserves {name}; remove it"
        elif not re.fullmatch("[A-Za-z][A-Za-z0-9_]+", name):
            problem = f"{where}environment_variables has a name that Lambda refuses (got {name!r})"
            use = "use letters, digits and _, two at least, with a letter first"
            yield f"{CONFIG}: {problem}; {use}"


def variables_bytes(variables: Mapping[str, Any]) -> int:
    """Return the bytes of environment variables that Lambda counts."""
    return sum(len(f"{name}{value}".encode()) for name, value in variables.items())


def _check_domain(where: str, domain: Any) -> Iterator[str]:
    if domain is None:
        return
    if not isinstance(domain, dict):
        yield f"{CONFIG}: {where} is not an object (got {domain!r}); use {{}}"
        return
    for name in ("domain_name", "certificate_arn"):
        if name not in domain:
            yield f'{CONFIG}: {where}.{name} is missing (got {domain.get(name)!r}); add "{name}"'
    for name in domain.keys() - set(DOMAIN_KEYS):
        use = f"use some of {', '.join(DOMAIN_KEYS)}"
        yield f"{CONFIG}: Chalice ignores {where}.{name}; {use}"
    for name, rule in DOMAIN_RULES.items():
        if name in domain and not rule.is_valid(domain[name]):
            yield f"{CONFIG}: {where}.{name} is not valid (got {domain[name]!r}); use {rule.use}"
    if where.endswith("websocket_api_custom_domain") and domain.get("tls_version") == "TLS_1_0":
        problem = f"{where}.tls_version is ignored (got 'TLS_1_0')"
        yield f"{CONFIG}: {problem}; remove it, a WebSocket API has TLS_1_2"
    yield from _check_tags(f"{where}.tags", domain.get("tags") or {})


def _check_tags(where: str, tags: Any) -> Iterator[str]:
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-tags.html
    if not isinstance(tags, dict):
        yield f"{CONFIG}: {where} is not an object (got {tags!r}); use {{}}"
        return
    if len(tags) > _MAX_TAGS:
        yield f"{CONFIG}: {where} has too many tags (got {len(tags)}); the maximum is {_MAX_TAGS}"
    for name, value in tags.items():
        is_text = isinstance(value, str) and len(value) <= 256
        if not is_text or not 1 <= len(name) <= 128 or name.lower().startswith("aws:"):
            use = "use text for the value, and a name that does not begin with aws:"
            yield f"{CONFIG}: {where}: AWS refuses {name!r}: {value!r}; {use}"

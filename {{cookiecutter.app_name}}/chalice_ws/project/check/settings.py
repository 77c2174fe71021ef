"""Check settings that have no effect, or that need something else."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chalice_ws.project.check.stage import Stage
from chalice_ws.project.config import CONFIG, Advice, levels, read_json, stack_name
from chalice_ws.project.functions import logical_id, role_id
from chalice_ws.project.permissions.policy_files import read_statements
from chalice_ws.project.permissions.role_permissions import allowed_actions, needed_actions
from chalice_ws.project.references import references
from chalice_ws.project.resources import needed_extras
from chalice_ws.project.values import (
    MAX_LAYERS,
    MAX_VARIABLES_BYTES,
    check_values,
    variables_bytes,
)

# The settings of REST APIs. A WebSocket API ignores them.
REST_SETTINGS = (
    "api_gateway_custom_domain",
    "api_gateway_endpoint_vpce",
    "api_gateway_policy_file",
    "minimum_compression_size",
)
# Of the 1,000 concurrent runs that an account has by default, 100 cannot be reserved:
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-concurrency.html
MAX_RESERVED_RUNS = 900
# SQS's default.
DEFAULT_VISIBILITY_SECONDS = 30
# The sender stops three seconds before the function ends.
MIN_TIMEOUT_SECONDS = 5


def check_stage_values(content: dict[str, Any], stage: str) -> Iterator[str]:
    """Yield the values that Chalice or AWS would refuse or misread."""
    for where, _, settings in levels(content, stage):
        yield from check_values(where, settings)


def check_unread(stage: Stage) -> Iterator[str]:
    """Yield the settings that have no effect, or not the one that they seem to have."""
    content, app = stage.config.config_from_disk, stage.app
    for where, _, settings in levels(content, stage.name):
        given = {name for name, value in settings.items() if value is not None}
        for name in REST_SETTINGS if not app.routes else ():
            if name in given:
                yield f"{CONFIG}: {where}{name} is ignored (got no REST route); remove it"
        if settings.get("api_gateway_endpoint_type") == "PRIVATE" and app.websocket_handlers:
            problem = f"{where}api_gateway_endpoint_type leaves the WebSocket API public"
            yield f"{CONFIG}: {problem} (got 'PRIVATE'); remove it, and restrict access in the app"
        if "websocket_api_custom_domain" in given and not app.websocket_handlers:
            problem = f"{where}websocket_api_custom_domain is ignored"
            yield f"{CONFIG}: {problem} (got no WebSocket handler); remove it"
        if stage.follows_template and "profile" in given:
            problem = f"make deploy ignores {where}profile (got {settings['profile']!r})"
            yield f"{CONFIG}: {problem}; remove it, and set AWS_PROFILE"
        if "log_retention_in_days" in given and (group := _shared_log_group(stage)):
            problem = f"{where}log_retention_in_days makes log groups that stay empty"
            use = f"remove it, and set RetentionInDays of {group} in resources.json"
            yield f"{CONFIG}: {problem} (got {settings['log_retention_in_days']!r}); {use}"


def check_roles(stage: Stage) -> Iterator[str]:
    """Yield roles that are missing, ignored, or needed by a resource file."""
    resources = stage.read_resources().content
    named_resources = resources.keys() | references(resources)
    ignored, missing, named = [], [], []
    for name in stage.functions:
        settings = stage.settings(name)
        role = role_id(name)
        if settings.manage_iam_role and settings.iam_role_arn:
            ignored.append(name)
        elif not settings.manage_iam_role and not settings.iam_role_arn:
            missing.append(name)
        elif not settings.manage_iam_role and role in named_resources:
            named.append(role)
    if ignored:
        use = 'add "manage_iam_role": false, or remove it'
        yield f"{stage.where}: Chalice ignores iam_role_arn (got {', '.join(ignored)}); {use}"
    if missing:
        problem = f'"manage_iam_role": false leaves no role (got {", ".join(missing)})'
        yield f'{stage.where}: {problem}; add "iam_role_arn"'
    if named:
        extras = dict.fromkeys([*stage.extras, *needed_extras(stage.config)])
        files = ", ".join(["resources.json", *(f"resources/{each}.json" for each in extras)])
        problem = (
            f"with iam_role_arn, Chalice makes no {' and no '.join(named)}, which {files} name"
        )
        use = "take them out there, and give their permissions to your role"
        yield f"{stage.where}: {problem}; {use}"


def check_grants(stage: Stage) -> Iterator[str]:
    """Yield permissions that Lambda needs for a setting, and that the function's role lacks."""
    resources = stage.read_resources()
    # Functions, by the setting or source that needs actions, and the actions that are missing.
    lacking: dict[tuple[str, str], list[str]] = {}
    for name in stage.functions:
        path = stage.policy_file(name)
        if path is None:
            # Chalice adds the permissions to a policy that it generates.
            continue
        for cause, actions in needed_actions(stage.settings(name), resources).items():
            allowed = allowed_actions(read_statements(path), name, resources, actions)
            missing = ", ".join(sorted({*actions} - allowed.actions))
            if missing and allowed.unknown_policies:
                what = f"what {', '.join(allowed.unknown_policies)} allows is not known here"
                use = f"see that it allows {missing}, for {cause} of {name}"
                yield Advice(f"{stage.where}: {what}; {use}")
            elif missing:
                lacking.setdefault((cause, missing), []).append(name)
    for (cause, missing), names in lacking.items():
        use = "add them to the policy"
        extra = {"subnet_ids": "vpc", "xray": "xray"}.get(cause)
        if extra and (Path(stage.config.project_dir) / f"resources/{extra}.json").exists():
            use = f"add {extra} to EXTRAS_{stage.name} in the Makefile, or {use}"
        problem = f"{cause} of {', '.join(names)} needs {missing}"
        yield f"{stage.where}: {problem}, which the policy does not allow; {use}"


def check_queues(stage: Stage) -> Iterator[str]:
    """Yield queues that AWS refuses for a function, which may run longer than they wait."""
    functions = {logical_id(name): name for name in stage.functions}
    for called, queue in stage.read_resources().function_queues():
        name = functions.get(called)
        visibility = queue.get("VisibilityTimeout", DEFAULT_VISIBILITY_SECONDS)
        timeout = stage.settings(name).lambda_timeout if name else None
        if type(timeout) is int and type(visibility) is int and timeout > visibility:
            problem = f"{name} may run longer than its queue's VisibilityTimeout"
            use = f"use {6 * timeout} there, six times lambda_timeout"
            yield f"{stage.where}: {problem} (got {timeout} > {visibility}); {use}"


def check_regions(stage: Stage) -> Iterator[str]:
    """Yield layers and certificates of another region, which AWS refuses."""
    # Other apps need not name their region.
    region = os.environ["AWS_REGION"] if stage.follows_template else ""
    arns: dict[str, str] = {}
    for where, _, settings in levels(stage.config.config_from_disk, stage.name):
        domain = settings.get("websocket_api_custom_domain")
        if isinstance(domain, dict):
            certificate = f"{where}websocket_api_custom_domain.certificate_arn"
            arns[str(domain.get("certificate_arn"))] = certificate
        layers = settings.get("layers")
        if isinstance(layers, list):
            arns |= {str(arn): f"{where}layers" for arn in layers}
    for arn, where in arns.items():
        got = [*arn.split(":"), *[""] * 4][3]
        # check_values reports what is no ARN.
        if region and got and got != region:
            yield f"{CONFIG}: {where} is in another region (got {got!r}); use one of {region}"


def check_reserved_runs(stage: Stage) -> Iterator[str]:
    """Yield reserved concurrency above what an account has by default."""
    values = [stage.settings(name).reserved_concurrency for name in stage.functions]
    total = sum(each for each in values if type(each) is int)
    if total > MAX_RESERVED_RUNS:
        problem = f"reserved_concurrency of all functions is above the default quota (got {total})"
        use = f"use {MAX_RESERVED_RUNS} at most, or ask AWS for more in Service Quotas"
        yield Advice(f"{stage.where}: {problem}; {use}")


def check_limits(stage: Stage) -> Iterator[str]:
    """Yield names, timeouts and variables of a stage that AWS would refuse."""
    stack = stack_name(stage.config)
    if stage.follows_template and "_" in stack:
        yield f"{CONFIG}: CloudFormation refuses _ in the stack's name (got {stack}); use -"
    timeouts = {name: stage.settings(name).lambda_timeout for name in stage.functions}
    short = [
        f"{name}: {timeout}"
        for name, timeout in timeouts.items()
        if type(timeout) is int and timeout < MIN_TIMEOUT_SECONDS
    ]
    if short and stage.follows_template:
        problem = f"lambda_timeout leaves no time to send (got {', '.join(short)})"
        yield f"{stage.where}: {problem}; use {MIN_TIMEOUT_SECONDS} or more"
    for name in stage.functions:
        layers, has_another = stage.settings(name).layers, stage.config.automatic_layer
        if has_another and isinstance(layers, list) and len(layers) == MAX_LAYERS:
            problem = f"automatic_layer adds a layer to {name} (got {MAX_LAYERS} others)"
            yield f"{stage.where}: {problem}; the maximum is {MAX_LAYERS}, remove one"
        size = variables_bytes(stage.settings(name).environment_variables)
        if size > MAX_VARIABLES_BYTES:
            problem = f"the environment variables of {name} are too long (got {size} bytes)"
            yield f"{stage.where}: {problem}; the maximum is {MAX_VARIABLES_BYTES}"


def _shared_log_group(stage: Stage) -> str:
    """Return the log group that resources.json gives to all functions, or an empty string."""
    path = Path(stage.config.project_dir) / "resources.json"
    content = read_json(path) if path.exists() else {}
    logging = content.get("Globals", {}).get("Function", {}).get("LoggingConfig", {})
    group = logging.get("LogGroup", "")
    return str(group.get("Ref", "LogGroup") if isinstance(group, dict) else group)

"""The names of actions and resources in policies: those that AWS has, and the likely ones."""

import re
from collections.abc import Collection
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache

from botocore.session import Session
from chalice.policy import load_api_policy_actions

from chalice_ws.project.config import AppError

# The name of a service, and that of an action or a pattern of it.
_ACTION = re.compile(r"[a-z0-9-]+:[A-Za-z0-9*]+")

# Actions that are not operations, of services whose other actions are all known here:
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
_MORE_ACTIONS: dict[str, tuple[str, ...]] = {
    "dynamodb": (
        *("ConditionCheckItem", "CreateTableReplica", "DeleteTableReplica"),
        *("DescribeReservedCapacity", "DescribeReservedCapacityOfferings", "GetAbacStatus"),
        *("PartiQLDelete", "PartiQLInsert", "PartiQLSelect", "PartiQLUpdate"),
        *("PurchaseReservedCapacityOfferings", "RestoreTableFromAwsBackup", "StartAwsBackupJob"),
        *("UpdateAbacStatus", "UpdateGlobalTableVersion"),
    ),
    "execute-api": ("InvalidateCache", "Invoke", "ManageConnections"),
    "kms": ("ReEncryptFrom", "ReEncryptTo", "SynchronizeMultiRegionKey"),
    "lambda": (
        *("DisableReplication", "EnableReplication", "InvokeFunction", "InvokeFunctionUrl"),
        "UpdateFunctionCodeSigningConfig",
    ),
    "secretsmanager": (),
    "sns": (),
    "sqs": (),
    "ssm": (
        *("DescribeDocumentParameters", "ExecuteAPI", "GetCalendar", "GetManifest"),
        *("ListInstanceAssociations", "PutCalendar", "PutConfigurePackageResult"),
        *("RegisterManagedInstance", "UpdateInstanceAssociationStatus"),
        "UpdateInstanceInformation",
    ),
}

KNOWN_SERVICES = frozenset(_MORE_ACTIONS)

# Operations that need actions of other names.
OPERATION_ACTIONS = {
    "dynamodb:BatchExecuteStatement": "dynamodb:PartiQLSelect",
    "dynamodb:ExecuteStatement": "dynamodb:PartiQLSelect",
    "dynamodb:ExecuteTransaction": "dynamodb:PartiQLSelect",
    "dynamodb:TransactGetItems": "dynamodb:GetItem",
    "dynamodb:TransactWriteItems": "dynamodb:PutItem",
    "lambda:Invoke": "lambda:InvokeFunction",
    "s3:HeadObject": "s3:GetObject",
    "sns:PublishBatch": "sns:Publish",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}

# The first words of the last part of an ARN, each with what follows it.
_TYPES: dict[str, tuple[str, ...]] = {
    "dynamodb": ("table/", "global-table/"),
    "kinesis": ("stream/",),
    "kms": ("key/", "alias/"),
    "lambda": ("function:", "layer:", "event-source-mapping:", "code-signing-config:"),
    "logs": ("log-group:", "destination:", "delivery:"),
    "secretsmanager": ("secret:",),
    "ssm": ("parameter/", "document/", "automation-execution/", "opsitem/", "session/"),
}

# AWS appends a hyphen and six characters to the name of each secret in its ARN:
# https://docs.aws.amazon.com/secretsmanager/latest/userguide/auth-and-access_iam-policies.html
SECRET_SUFFIX = "-??????"


def check_action(action: str) -> None:
    """Raise AppError if AWS has no such action, as far as that is known.

    All actions of some services are known here. An action of another service is refused only if
    it is close to a known one.
    """
    if not _ACTION.fullmatch(action):
        problem = f"the action is not valid (got {action!r})"
        raise AppError(f"{problem}; use one such as dynamodb:GetItem")
    service, _, name = action.partition(":")
    known = _actions(service)
    problem = f"the action does not exist (got {action!r})"
    if not known:
        services = sorted({*_chalice_actions(), *Session().get_available_services()})
        if service not in services and (likely := _nearest(service, services, 0.8)):
            raise AppError(f"the service does not exist (got {action!r}); use {likely}:{name}")
        return
    for operation, other in OPERATION_ACTIONS.items():
        if action.lower() == operation.lower():
            raise AppError(f"{problem}; use {other}")
    if any(fnmatchcase(each.lower(), name.lower()) for each in known):
        return
    if service in _MORE_ACTIONS:
        likely = _nearest(name, known, 0.6) or "* or one of its actions"
        raise AppError(f"{problem}; use {service}:{likely}")
    # An action that is not known here differs from the others by more than a letter or two.
    similar = [each for each in known if each[:3] == name[:3] and abs(len(each) - len(name)) < 2]
    if likely := _nearest(name, similar, 0.85):
        raise AppError(f"{problem}; use {service}:{likely}")


def complete_resource(resource: str, action: str) -> str:
    """Return a resource as a policy names it: a secret gets the end that AWS gives it.

    Args:
        resource: an ARN, or its last part.
        action: an action on it.

    Raises:
        AppError: no resource of the action's service has this form.
    """
    if resource == "*":
        return resource
    service, name = action.partition(":")[0], resource
    if resource.startswith("arn:"):
        parts = resource.split(":", 5)
        if len(parts) < 6:
            problem = f"the ARN is not complete (got {resource!r})"
            raise AppError(f"{problem}; use arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE")
        service, name = parts[2], parts[5]
    types = _TYPES.get(service, ())
    if types and not name.startswith((*types, "*")):
        word, separator, rest = re.fullmatch(r"/?([^/:]*)([/:]?)(.*)", name, re.DOTALL).groups()  # type: ignore[union-attr]
        near = _nearest(word, [each[:-1] for each in types], 0.7) if separator else ""
        kind = next((each for each in types if each[:-1] == near), "")
        use = f"{kind}{rest}" if kind else f"{types[0]}{name.lstrip('/')}"
        raise AppError(f"the resource is not one of {service} (got {resource!r}); use {use}")
    # A full ARN may have been copied from AWS, with the six characters.
    has_suffix = resource.startswith("arn:") and re.search(r"-[A-Za-z0-9]{6}$", resource)
    if (
        name.startswith("secret:")
        and not has_suffix
        and not resource.endswith((SECRET_SUFFIX, "*"))
    ):
        return f"{resource}{SECRET_SUFFIX}"
    return resource


@cache
def _actions(service: str) -> Collection[str]:
    """Return the names of a service's actions that are known here."""
    names = {*_chalice_actions().get(service, ()), *_MORE_ACTIONS.get(service, ())}
    session = Session()
    available = session.get_available_services()
    # ses has two versions of its API.
    for each in (service, f"{service}v2"):
        if each in available and service != "execute-api":
            model = session.get_service_model(each)
            if model.signing_name == service:
                names |= {*model.operation_names}
    return sorted(names)


@cache
def _chalice_actions() -> dict[str, set[str]]:
    actions: dict[str, set[str]] = {}
    for operations in load_api_policy_actions().values():
        for action in operations.values():
            service, _, name = action.partition(":")
            actions.setdefault(service, set()).add(name)
    return actions


def _nearest(name: str, known: Collection[str], cutoff: float) -> str:
    by_lower_case = {each.lower(): each for each in known}
    found = get_close_matches(name.lower(), list(by_lower_case), 1, cutoff)
    return by_lower_case[found[0]] if found else ""

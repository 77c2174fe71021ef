"""The evaluation of IAM policies, as far as the policies of a function need it.

An action is allowed if a statement allows it and none denies it:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html

Conditions are not evaluated. A statement with one allows nothing, and denies all that it names,
unless KNOWN_CONDITIONS has it.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

Statement = dict[str, Any]

# A statement's Condition and whether it holds for the functions of the app, such as
# ({"Bool": {"aws:SecureTransport": "true"}}, True).
KNOWN_CONDITIONS: list[tuple[Any, bool]] = []

# Actions that a service takes with a function's role, and that no code calls, by the function's
# name in app.py, such as ("notify", "kms:Decrypt"). Those that a setting needs are known already:
# chalice_ws/project/permissions/role_permissions.py has them.
SERVICE_ACTIONS: list[tuple[str, str]] = []


class Call(NamedTuple):
    """An action on a resource that a function needs.

    Args:
        resource: its ARN, as exact as the call tells it. The account is always unknown. The
            last part is empty where the call does not tell the resource.
        widest: the widest pattern that a policy may grant for the call. Names that AWS gives,
            such as an API's id, are wildcards in both.
    """

    action: str
    resource: str
    widest: str


class Grant(NamedTuple):
    """An action on a resource, as a policy allows it."""

    action: str
    resource: str


def allows(statements: list[Statement], call: Call) -> bool:
    """Return whether a call is allowed: a Deny always overrides an Allow."""
    applied = [each["Effect"] for each in statements if applies(each, call)]
    return "Allow" in applied and "Deny" not in applied


def applies(statement: Statement, call: Call) -> bool:
    """Return whether a statement is about a call, and its Condition may hold."""
    return names(statement, call) and _condition_holds(statement)


def names(statement: Statement, call: Call) -> bool:
    """Return whether a statement names the action and the resource of a call."""
    if "NotAction" in statement:
        action = not any(matches_action(each, call) for each in as_list(statement["NotAction"]))
    else:
        action = any(matches_action(each, call) for each in as_list(statement["Action"]))
    if "NotResource" in statement:
        return action and not any(
            matches_resource(each, call.resource) for each in as_list(statement["NotResource"])
        )
    return action and any(
        matches_resource(each, call.resource) for each in as_list(statement["Resource"])
    )


def matches_action(pattern: str, call: Call) -> bool:
    """Return whether a pattern names a call's action; case does not count."""
    return _matches(pattern.lower(), call.action.lower())


def matches_resource(pattern: str, resource: str) -> bool:
    """Return whether a pattern names a resource; a wildcard stays within its part of the ARN."""
    patterns, parts = pattern.split(":", 5), resource.split(":", 5)
    if len(patterns) < 6 or len(parts) < 6:
        return _matches(pattern, resource)
    # No file of the app can tell the account.
    account = patterns[4] if re.fullmatch(r"\d{12}", patterns[4]) else "1" * 12
    parts[4] = parts[4] and account
    pairs = list(zip(patterns, parts, strict=True))
    if not parts[5]:
        # The ARNs of some services have no region and no account.
        pairs = [(each, part) for each, part in pairs[:5] if each]
    return all(_matches(each, part) for each, part in pairs)


def is_needed(grant: Grant, call: Call) -> bool:
    """Return whether a grant is for a call, and as narrow as a file can say it."""
    return (
        grant.action.lower() == call.action.lower()
        and matches_resource(grant.resource, call.resource)
        # The grant's own wildcards are read as text: they match none but the call's.
        and _matches(call.widest, grant.resource)
    )


def grants(statements: list[Statement]) -> Iterator[Grant]:
    """Yield what statements allow. NotAction and NotResource grant what no call can need."""
    for each in statements:
        if each["Effect"] == "Allow":
            resources = as_list(each.get("Resource", "NotResource"))
            for action in as_list(each.get("Action", "NotAction")):
                yield from (Grant(action, resource) for resource in resources)


def as_list(value: Any) -> list[Any]:
    """Return a value of a policy as a list: JSON may have one item without its list."""
    return value if isinstance(value, list) else [value]


def _condition_holds(statement: Statement) -> bool:
    for condition, holds in KNOWN_CONDITIONS:
        if condition == statement.get("Condition"):
            return holds
    return not statement.get("Condition") or statement["Effect"] == "Deny"


def _matches(pattern: str, text: str) -> bool:
    return _expression(pattern).fullmatch(text) is not None


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    # fnmatch has character sets too. IAM has none.
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.compile(expression, re.DOTALL)

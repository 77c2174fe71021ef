"""The policy files of functions, and the grammar of AWS's policies.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from chalice_ws.project.config import as_list, read_json

VERSIONS = ("2012-10-17", "2008-10-17")
KEYS = ("Version", "Id", "Statement")
STATEMENT_KEYS = (
    *("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"),
)

# The maximum of the policies in a role, without white space:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
MAX_CHARACTERS = 10_240

# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
_CONDITION_OPERATOR = re.compile(
    r"(ForAllValues:|ForAnyValue:)?((String(Not)?(Equals(IgnoreCase)?|Like)"
    r"|(Numeric|Date)((Not)?Equals|(Less|Greater)Than(Equals)?)"
    r"|Bool|BinaryEquals|(Not)?IpAddress|Arn(Not)?(Equals|Like))(IfExists)?|Null)",
    re.IGNORECASE,
)

# A service cannot be a pattern.
ACTION = re.compile(r"\*(:\*)?|[A-Za-z0-9-]+:[A-Za-z0-9*?]+")
_RESOURCE = re.compile(r"\*|arn:.+", re.DOTALL)


def read_statements(path: Path) -> list[dict[str, Any]]:
    """Return the statements of a policy file; none where it does not exist.

    What is no statement is left out. `check_policy_files` reports it.
    """
    content = read_json(path) if path.exists() else {}
    return [each for each in as_list(content.get("Statement")) if isinstance(each, dict)]


def find_faults(policy: dict[str, Any]) -> Iterator[str]:
    """Yield the faults of a policy: what is wrong, and what to use."""
    yield from _find_unknown(policy, KEYS, "the policy")
    if policy.get("Version", VERSIONS[0]) not in VERSIONS:
        yield f"Version is not valid (got {policy['Version']!r}); use {VERSIONS[0]!r}"
    if "Statement" not in policy:
        yield "Statement is missing; add a list of statements"
    ids = []
    for number, statement in enumerate(as_list(policy.get("Statement", [])), 1):
        where = f"statement {number}"
        if not isinstance(statement, dict):
            yield f"{where} is not an object (got {statement!r}); use {{}}"
            continue
        yield from _find_unknown(statement, STATEMENT_KEYS, where)
        yield from _find_statement_faults(statement, where)
        ids += [statement["Sid"]] if statement.get("Sid") else []
    for each in dict.fromkeys(str(each) for each in ids if ids.count(each) > 1):
        yield f"two statements have the same Sid (got {each!r}); use another, or none"
    length = len(re.sub(r"\s", "", json.dumps(policy)))
    if length > MAX_CHARACTERS:
        use = f"the maximum is {MAX_CHARACTERS}; use patterns"
        yield f"the policy is too long for a role (got {length} characters); {use}"


def _find_unknown(content: dict[str, Any], known: tuple[str, ...], where: str) -> Iterator[str]:
    for name in sorted(content.keys() - set(known)):
        yield f"{where} has an unknown element (got {name!r}); use some of {', '.join(known)}"


def _find_statement_faults(statement: dict[str, Any], where: str) -> Iterator[str]:
    effect = statement.get("Effect")
    if effect not in ("Allow", "Deny"):
        yield f'{where}: Effect is not valid (got {effect!r}); use "Allow" or "Deny"'
    if not re.fullmatch("[A-Za-z0-9]*", str(statement.get("Sid", ""))):
        yield f"{where}: Sid is not valid (got {statement['Sid']!r}); use letters and digits"
    condition = statement.get("Condition", {})
    if not isinstance(condition, dict):
        yield f"{where}: Condition is not an object (got {condition!r}); use {{}}"
        condition = {}
    for operator, keys in condition.items():
        if not _CONDITION_OPERATOR.fullmatch(operator):
            use = "use one such as StringEquals"
            yield f"{where}: the operator of Condition does not exist (got {operator!r}); {use}"
        elif not isinstance(keys, dict):
            yield f"{where}: {operator} is not an object (got {keys!r}); name a condition key in it"
    for name, pattern, use in (
        ("Action", ACTION, "one such as dynamodb:GetItem"),
        ("Resource", _RESOURCE, "an ARN, or *"),
    ):
        names = [each for each in (name, f"Not{name}") if each in statement]
        if len(names) != 1:
            got = " and ".join(names) or "none"
            yield f"{where} needs one of {name} and Not{name} (got {got}); use {name}"
        values = [each for one in names for each in as_list(statement[one])]
        if names and not values:
            yield f"{where}: {names[0]} is empty (got {statement[names[0]]!r}); use {use}"
        for value in values:
            # CloudFormation's own functions are objects.
            is_function = name == "Resource" and isinstance(value, dict)
            if not is_function and not (isinstance(value, str) and pattern.fullmatch(value)):
                yield f"{where}: {name} is not valid (got {value!r}); use {use}"

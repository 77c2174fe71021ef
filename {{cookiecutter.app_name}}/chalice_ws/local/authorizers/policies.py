"""The result of a Lambda authorizer: its policy and its context."""

import json
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from chalice.local import ARNMatcher

from chalice_ws.project.config import as_list


def is_allowed(result: dict[str, Any], arn: str) -> bool:
    """Return whether the policy of a result allows the method with this ARN."""
    matcher = ARNMatcher(arn)
    effects = {
        statement["Effect"]
        for statement in as_list(result["policyDocument"]["Statement"])
        if any(
            fnmatchcase("execute-api:invoke", each.lower()) for each in as_list(statement["Action"])
        )
        and matcher.does_any_resource_match(as_list(statement["Resource"]))
    }
    return effects == {"Allow"}


def stringify(context: Mapping[str, Any]) -> dict[str, str]:
    """Return values as API Gateway passes them on: text, whatever the authorizer returned."""
    return {name: _text(value) for name, value in context.items()}


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(map(_text, value))
    return value if isinstance(value, str) else json.dumps(value)

"""Mutants of an app's policies, held against the app's own policy tests.

Run by its path in the app's folder. The app's test runs once and records each function's calls.
Each mutant is then held against that record. Prints JSON: the number of mutants in `tried`, and
those that no check caught in `passed`.
"""

import copy
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path.cwd()))

from tests.support import policies  # type: ignore[import-not-found]

Policy = dict[str, Any]
OTHER = {"dev": "prod", "prod": "dev"}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def wider(resource: str, stage: str) -> Iterator[str]:
    """Yield resources that are wider in one part, and those of the other stage."""
    yield "*"
    parts = resource.split(":", 5)
    for index, part in enumerate(parts):
        if part not in ("arn", "*", ""):
            yield ":".join([*parts[:index], "*", *parts[index + 1 :]])
    *head, tail = parts
    names = tail.split("/")
    for index, name in enumerate(names):
        for other in ("*", f"{name[:-1]}*", f"{name}*", f"*{name}"):
            if name != "*" and other.rstrip("*") != name.rstrip("*"):
                yield ":".join([*head, "/".join([*names[:index], other, *names[index + 1 :]])])
    if f"-{stage}-" in resource:
        yield resource.replace(f"-{stage}-", f"-{OTHER[stage]}-")
        yield resource.replace(f"-{stage}-", "-*-")


def mutants(policy: Policy, stage: str) -> Iterator[tuple[str, Policy]]:
    """Yield policies that lack one grant or have one more, each with its description."""
    for index, statement in enumerate(policy["Statement"]):

        def with_(index: int = index, **changes: Any) -> Policy:
            mutant = copy.deepcopy(policy)
            mutant["Statement"][index].update(changes)
            return mutant

        actions, resources = as_list(statement["Action"]), as_list(statement["Resource"])
        for action in actions:
            service = action.split(":")[0]
            others = [other for other in actions if other != action]
            yield f"without {action}", with_(Action=others)
            for wild in ("*", f"{service}:*", f"{action[:-1]}*", f"{action}*"):
                yield f"{wild} for {action}", with_(Action=[*others, wild])
        for extra in (
            "dynamodb:Scan",
            "dynamodb:DeleteTable",
            "logs:DeleteLogGroup",
            "s3:GetObject",
        ):
            yield f"with {extra}", with_(Action=[*actions, extra])
        for resource in resources:
            others = [other for other in resources if other != resource]
            yield f"without {resource}", with_(Resource=others)
            for wide in dict.fromkeys(wider(resource, stage)):
                yield f"{wide} for {resource}", with_(Resource=[*others, wide])
                yield f"{wide} beside {resource}", with_(Resource=[*resources, wide])
        yield f"denied: {actions}", with_(Effect="Deny")


def caught(stage: str) -> bool:
    """Return whether a check of the app finds a fault in the stage's policies."""
    return bool(policies.missing(stage) or policies.unused(stage))


def main() -> None:
    """Print the result for the policies of all stages."""
    code = pytest.main(["-q", "-p", "no:cacheprovider", "tests/test_policies.py"])
    if code or any(map(caught, policies.STAGES)):
        sys.exit("the app's policies do not pass its own checks")
    tried, passed = 0, []
    for stage in policies.STAGES:
        for path in sorted(Path(".chalice", stage).glob("*.json")):
            text = path.read_text()
            for change, mutant in mutants(json.loads(text), stage):
                path.write_text(json.dumps(mutant, indent=2))
                tried += 1
                if not caught(stage):
                    passed.append(f"{path}: {change}")
            path.write_text(text)
    print(json.dumps({"tried": tried, "passed": passed}))


if __name__ == "__main__":
    main()

"""Mutants of an app's policies, held against the app's own policy tests.

Run by its path in the app's folder. The app's test runs once and records each function's calls.
Each mutant is then held against that record. Prints JSON: the number of mutants in `tried`, those
that no check caught in `passed`, and policies that grant the same in other words, but were refused,
in `refused`.
"""

import copy
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path.cwd()))

from tests.support import policies  # type: ignore[import-not-found]

Policy = dict[str, Any]
REGION = os.environ.get("AWS_REGION", "us-east-1")
OTHER = {"dev": "prod", "prod": "dev"}

# Changes of one statement after which it allows nothing, or too much.
STATEMENT_CHANGES: list[Policy] = [
    {"Condition": {"StringEquals": {"aws:PrincipalTag/team": "other"}}},
    {"Condition": {"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}},
    {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}},
    {"Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}},
    {"Condition": {"Null": {"aws:RequestedRegion": "true"}}},
    {"Effect": "Deny"},
    {"Effect": "Deny", "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
    {"Action": "*"},
    {"Action": "*:*"},
    {"Action": []},
    {"Resource": []},
    {"Action": None, "NotAction": "iam:*"},
    {"Action": None, "NotAction": ["s3:GetObject"]},
    {"Resource": None, "NotResource": "arn:aws:s3:::other"},
    {"Resource": None, "NotResource": "*"},
]

# Replacements of the first parts of an ARN after which it names no resource of the app.
ARN_CHANGES = [
    ("arn:*:", "arn:aws-cn:"),
    ("arn:*:", "arn:aws-us-gov:"),
    ("arn:*:", "arn:aw:"),
    ("arn:*:", "ARN:*:"),
    (":*:*:", ":ap-south-2:*:"),
    (":*:*:", ":eu-*:*:"),
    (":*:*:", "::*:"),
    (":*:*:", ":*:12345:"),
    (":*:*:", ":*::"),
]

# Statements that deny what a function does, beside those that allow it.
DENIALS: list[Policy] = [
    {"Action": "*", "Resource": "*"},
    {"Action": ["s3:*", "logs:put*"], "Resource": "*"},
    {"Action": "LOGS:PutLogEvents", "Resource": "arn:aws:logs:*:*:*"},
    {"Action": "logs:PutLogEvent?", "Resource": "arn:*:logs:*:*:log-group:/aws/lambda/*"},
    {"NotAction": "iam:*", "Resource": "*"},
    {"Action": "logs:*", "NotResource": "arn:*:s3:::*"},
    {
        "Action": "logs:*",
        "Resource": "*",
        "Condition": {"StringEquals": {"aws:RequestedRegion": REGION}},
    },
]

# Changes of one statement after which it grants the same, or denies what no function does.
Change = Callable[[Policy], Policy]
SAME: dict[str, Change] = {
    "actions in lower case": lambda each: {"Action": [a.lower() for a in as_list(each["Action"])]},
    "actions in upper case": lambda each: {"Action": [a.upper() for a in as_list(each["Action"])]},
    "this partition": lambda each: with_resources(each, "arn:*:", "arn:aws:"),
    "this region": lambda each: with_resources(each, ":*:*:", f":{REGION}:*:"),
    "an account": lambda each: with_resources(each, ":*:*:", f":*:{'7' * 12}:"),
    "a list of resources": lambda each: {"Resource": as_list(each["Resource"])},
    "an empty condition": lambda each: {"Condition": {}},
}
HARMLESS_DENIALS: list[Policy] = [
    {"Action": "iam:*", "Resource": "*"},
    {"Action": "dynamodb:DeleteTable", "Resource": "*"},
    {"Action": "*", "Resource": "arn:*:dynamodb:*:*:table/other"},
    {"Action": "*", "Resource": "arn:aws-cn:*:*:*:*"},
    {"NotAction": ["dynamodb:*", "execute-api:*", "logs:*", "sqs:*"], "Resource": "*"},
]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def with_resources(statement: Policy, old: str, new: str) -> Policy:
    """Return the statement's resources with a part replaced."""
    return {"Resource": [each.replace(old, new) for each in as_list(statement["Resource"])]}


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
            for old, new in ARN_CHANGES:
                yield f"{new} for {old} in {resource}", with_(Resource=resource.replace(old, new))
            narrow = f"{resource.rstrip('*')}none"
            yield f"{narrow} for {resource}", with_(Resource=[*others, narrow])
            question = resource.replace("-", "?")
            yield f"{question} for {resource}", with_(Resource=[*others, question])
        for change in STATEMENT_CHANGES:
            mutant = with_(**change)
            changed = mutant["Statement"][index]
            mutant["Statement"][index] = {k: v for k, v in changed.items() if v is not None}
            yield f"{change} in {actions}", mutant
    for denial in DENIALS:
        yield f"denied: {denial}", with_denial(policy, denial)


def with_denial(policy: Policy, denial: Policy) -> Policy:
    """Return a policy with one more statement."""
    return {**policy, "Statement": [*policy["Statement"], {"Effect": "Deny", **denial}]}


def equivalents(policy: Policy) -> Iterator[tuple[str, Policy]]:
    """Yield policies that grant the same, each with its description."""
    for name, change in SAME.items():
        statements = [{**each, **change(each)} for each in policy["Statement"]]
        yield name, {**policy, "Statement": statements}
    for denial in HARMLESS_DENIALS:
        yield f"denied: {denial}", with_denial(policy, denial)


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Leave a stage one policy file and the calls of its functions: each check is quicker."""
    calls = policies.recorder.calls
    others = [each for each in path.parent.glob("*.json") if each != path]
    for each in others:
        each.rename(each.with_suffix(".away"))
    policies.recorder.calls = {
        call for call in calls if policies._policy(path.parent.name, call[0]) == path.absolute()
    }
    try:
        yield
    finally:
        policies.recorder.calls = calls
        for each in others:
            each.with_suffix(".away").rename(each)


def caught(stage: str) -> bool:
    """Return whether a check of the app finds a fault in the stage's policies."""
    return bool(policies.missing(stage) or policies.unused(stage))


def main() -> None:
    """Print the result for the policies of all stages."""
    code = pytest.main(["-q", "-p", "no:cacheprovider", "tests/app/test_policies.py"])
    if code or any(map(caught, policies.STAGES)):
        sys.exit("the app's policies do not pass its own checks")
    tried, passed, refused = 0, [], []
    for stage in policies.STAGES:
        for path in sorted(Path(".chalice", stage).glob("*.json")):
            text = path.read_text()
            policy = json.loads(text)
            with alone(path):
                for change, mutant in mutants(policy, stage):
                    path.write_text(json.dumps(mutant, indent=2))
                    tried += 1
                    if not caught(stage):
                        passed.append(f"{path}: {change}")
                for change, same in equivalents(policy):
                    path.write_text(json.dumps(same, indent=2))
                    if caught(stage):
                        refused.append(f"{path}: {change}")
                path.write_text(text)
    print(json.dumps({"tried": tried, "passed": passed, "refused": refused}))


if __name__ == "__main__":
    main()

"""Allow a function of an app to do more in AWS, in the policy files of all stages."""

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chalice_ws.project.config import CONFIG, AppError, read_json, shown

SUMMARY = """Allow a function to do more in AWS: add actions to its policy file in each stage.

RESOURCE is an ARN, or its last part, such as table/STACK-members. STACK stands for the name of
the stage's stack, which is the app's name and the stage's."""

# The name of a service, and that of an action or a pattern of it.
_ACTION = re.compile(r"[a-z0-9-]+:[A-Za-z*]+")


def main(arguments: Sequence[str] | None = None, prog: str = "python -m chalice_ws grant") -> int:
    """Add actions to the policies of a function; return the exit status."""
    parser = argparse.ArgumentParser(prog, description=SUMMARY, allow_abbrev=False)
    add = parser.add_argument
    add("function", metavar="FUNCTION", help="name of the function, such as message")
    add("actions", metavar="ACTION", nargs="+", help="such as dynamodb:GetItem")
    add("--on", metavar="RESOURCE", required=True, help="what the actions may be done to")
    folder = "folder of the Chalice app (default: the current folder)"
    add("--project-dir", metavar="FOLDER", type=Path, default=Path(), help=folder)
    options = parser.parse_args(arguments)
    try:
        for line in grant(options.project_dir, options.function, options.actions, options.on):
            print(line)
    except AppError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def grant(project_dir: Path, function: str, actions: Sequence[str], resource: str) -> list[str]:
    """Add actions to the policies of a function.

    Args:
        function: the name of the function, with or without Chalice's "websocket_".
        resource: an ARN, or its last part. STACK in it is the name of the stage's stack.

    Returns:
        A line for each policy.

    Raises:
        AppError: an action or the function is not valid, or a policy cannot be read.
    """
    for action in actions:
        if not _ACTION.fullmatch(action):
            problem = f"the action is not valid (got {action!r})"
            raise AppError(f"{problem}; use one such as dynamodb:GetItem")
    config = read_json(project_dir / CONFIG)
    files: dict[Path, str] = {}
    for stage, settings in config.get("stages", {}).items():
        functions = settings.get("lambda_functions", {})
        found = functions.get(function) or functions.get(f"websocket_{function}") or {}
        if "iam_policy_file" not in found:
            problem = f"{CONFIG}: stage {stage} has no policy of the function (got {function!r})"
            names = [name.removeprefix("websocket_") for name in functions]
            raise AppError(f"{problem}; use one of {', '.join(names)}, or add it there")
        path = project_dir / ".chalice" / found["iam_policy_file"]
        files[path] = resource.replace("STACK", f"{config.get('app_name')}-{stage}")
    # All of them are read before one is written.
    policies = {path: read_json(path) for path in files}
    lines = []
    for path, policy in policies.items():
        for action in actions:
            _add(policy, action, _arn(files[path], action))
        path.write_text(json.dumps(policy, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        lines.append(f"{shown(path)}: allows {', '.join(actions)} on {files[path]}")
    return lines


def _add(policy: dict[str, Any], action: str, arn: str) -> None:
    statements = policy.setdefault("Statement", [])
    if isinstance(statements, dict):
        statements = policy["Statement"] = [statements]
    for statement in statements:
        is_plain = statement.keys() == {"Effect", "Action", "Resource"}
        if is_plain and statement["Effect"] == "Allow" and statement["Resource"] == arn:
            given = statement["Action"]
            known = given if isinstance(given, list) else [given]
            statement["Action"] = sorted({*known, action})
            return
    statements.append({"Effect": "Allow", "Action": [action], "Resource": arn})


def _arn(resource: str, action: str) -> str:
    if resource == "*" or resource.startswith("arn:"):
        return resource
    service = action.partition(":")[0]
    # The ARN of a bucket has neither a region nor an account.
    return f"arn:*:s3:::{resource}" if service == "s3" else f"arn:*:{service}:*:*:{resource}"

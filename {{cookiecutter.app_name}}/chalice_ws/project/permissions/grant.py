"""Allow a function of an app to do more in AWS, in the policy files of all stages."""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from chalice_ws.project.config import CONFIG, AppError, as_list, read_json, shown
from chalice_ws.project.options import add_project_dir
from chalice_ws.project.permissions.iam_names import check_action, complete_resource
from chalice_ws.project.permissions.policy_files import read_statements

SUMMARY = """Allow a function to do more in AWS: add actions to its policy file in each stage.

RESOURCE is an ARN, or its last part, such as table/STACK-members. STACK stands for the name of
the stage's stack, which is the app's name and the stage's. A policy file that .chalice/config.json
names and that is missing is created."""

# What Lambda needs to write the logs of a function.
LOG_ACTIONS = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]


def main(arguments: Sequence[str] | None = None, prog: str = "python -m chalice_ws grant") -> int:
    """Add actions to the policies of a function; return the exit status."""
    parser = argparse.ArgumentParser(prog, description=SUMMARY, allow_abbrev=False)
    add = parser.add_argument
    add("function", metavar="FUNCTION", help="name of the function, such as message")
    add("actions", metavar="ACTION", nargs="+", help="such as dynamodb:GetItem")
    add("--on", metavar="RESOURCE", required=True, help="what the actions may be done to")
    add_project_dir(parser)
    options = parser.parse_args(arguments)
    try:
        for line in grant(options.project_dir, options.function, options.actions, options.on):
            print(line)
    except AppError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def grant(project_dir: Path, function: str, actions: Sequence[str], resource: str) -> list[str]:
    """Add actions to the policies of a function. A policy that is missing is created.

    Args:
        function: the name of the function, with or without Chalice's "websocket_".
        resource: an ARN, or its last part. STACK in it is the name of the stage's stack.

    Returns:
        A line for each policy.

    Raises:
        AppError: an action, the resource or the function is not valid, or a policy cannot be read.
    """
    for action in actions:
        check_action(action)
    for action in actions:
        resource = complete_resource(resource, action)
    config = read_json(project_dir / CONFIG)
    files: dict[Path, str] = {}
    policies: dict[Path, dict[str, Any]] = {}
    for stage, settings in config.get("stages", {}).items():
        functions = settings.get("lambda_functions", {})
        found = functions.get(function) or functions.get(f"websocket_{function}") or {}
        if "iam_policy_file" not in found:
            problem = f"{CONFIG}: stage {stage} has no policy of the function (got {function!r})"
            names = [
                name.removeprefix("websocket_")
                for name, settings in functions.items()
                if "iam_policy_file" in settings
            ]
            others = f"use one of {', '.join(names)}, or " if names else ""
            raise AppError(f"{problem}; {others}add iam_policy_file to it there")
        path = project_dir / ".chalice" / found["iam_policy_file"]
        stack = f"{config.get('app_name')}-{stage}"
        files[path] = resource.replace("STACK", stack)
        # All of them are read before one is written.
        policies[path] = (
            read_json(path) if path.exists() else _new_policy(project_dir, functions, stack)
        )
    lines = []
    for path, policy in policies.items():
        for action in actions:
            _add(policy, action, _arn(files[path], action))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(policy, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        lines.append(f"{shown(path)}: allows {', '.join(actions)} on {files[path]}")
    return lines


def _new_policy(project_dir: Path, functions: dict[str, Any], stack: str) -> dict[str, Any]:
    """Return a policy that allows logs, as a policy of the other functions of the stage does."""
    logs: dict[str, Any] = {
        "Effect": "Allow",
        "Action": LOG_ACTIONS,
        "Resource": f"arn:*:logs:*:*:log-group:/aws/lambda/{stack}-*",
    }
    names = [each["iam_policy_file"] for each in functions.values() if "iam_policy_file" in each]
    paths = [project_dir / ".chalice" / name for name in names]
    for statement in (each for path in paths for each in read_statements(path)):
        if all(str(each).startswith("logs:") for each in as_list(statement.get("Action"))):
            logs = statement
            break
    return {"Version": "2012-10-17", "Statement": [logs]}


def _add(policy: dict[str, Any], action: str, arn: str) -> None:
    statements = policy["Statement"] = as_list(policy.get("Statement"))
    for statement in statements:
        is_plain = statement.keys() == {"Effect", "Action", "Resource"}
        if is_plain and statement["Effect"] == "Allow" and statement["Resource"] == arn:
            statement["Action"] = sorted({*as_list(statement["Action"]), action})
            return
    statements.append({"Effect": "Allow", "Action": [action], "Resource": arn})


def _arn(resource: str, action: str) -> str:
    if resource == "*" or resource.startswith("arn:"):
        return resource
    service = action.partition(":")[0]
    # The ARN of a bucket has neither a region nor an account.
    return f"arn:*:s3:::{resource}" if service == "s3" else f"arn:*:{service}:*:*:{resource}"

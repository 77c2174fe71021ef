"""`make check`: what the app needs to work on AWS, and would miss in silence.

Standard library only: it runs when the app is generated too, before anything is installed.
"""

import ast
import json
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

HANDLERS = ("on_ws_connect", "on_ws_message", "on_ws_disconnect")

# What the handlers call, and in which resource of a policy it must be allowed.
TABLE_ACTIONS = (
    "BatchGetItem",
    "BatchWriteItem",
    "DeleteItem",
    "GetItem",
    "PutItem",
    "Query",
    "UpdateItem",
)
LOG_ACTIONS = ("CreateLogGroup", "CreateLogStream", "PutLogEvents")

# Folders that are not the app's own: they hold what was installed or made.
FOREIGN = {".git", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv", "node_modules", "vendor"}


def problems(project: Path) -> Iterator[str]:
    """What is wrong in the app in a folder, a line each, saying what to do."""
    yield from _leftovers(project)
    broken = [problem for path in _json_files(project) for problem in _not_json(path, project)]
    yield from broken
    trees = {}
    for name in ("app.py", "chalicelib/actions.py"):
        try:
            trees[name] = ast.parse((project / name).read_text(encoding="utf-8"))
        except (OSError, SyntaxError) as error:
            yield f"{name} cannot be read ({error}); restore it or mend the syntax"
    if "app.py" in trees:
        yield from _app(trees["app.py"])
    if "chalicelib/actions.py" in trees and not broken:
        try:
            yield from _stages(project, _known_actions(trees["chalicelib/actions.py"]))
        except (AttributeError, KeyError, OSError, TypeError) as error:
            files = ".chalice/config.json, resources.json or a policy"
            yield f"{files} is not of the usual form (got {error!r}); restore what is missing"


def _leftovers(project: Path) -> Iterator[str]:
    mark = "{" * 2 + " cookiecutter"
    for path in sorted(project.rglob("*")):
        name = path.relative_to(project)
        if path.is_file() and not FOREIGN & set(name.parts) and mark.encode() in path.read_bytes():
            yield f"{name} has a left-over (got '{mark}'); fill it in"


def _json_files(project: Path) -> list[Path]:
    return sorted([*project.glob("*.json"), *project.glob(".chalice/*.json")])


def _not_json(path: Path, project: Path) -> Iterator[str]:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        yield f"{path.relative_to(project)} is not JSON ({error}); mend it there"


def _app(tree: ast.Module) -> Iterator[str]:
    handlers = {name: line for line, name in _decorators(tree, "app")}
    for name in HANDLERS:
        if name not in handlers:
            yield f"app.py has no {name} handler; add a function under @app.{name}()"
    first = min((handlers[name] for name in HANDLERS if name in handlers), default=sys.maxsize)

    flags = "app.experimental_feature_flags"
    right = f'use {flags}.update(["WEBSOCKETS"]) above the handlers'
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    flag_calls = [call for call in calls if ast.unparse(call.func).startswith(f"{flags}.")]
    switched_on = [call.lineno for call in flag_calls if _switches_on(call)]
    for call in flag_calls:
        if not _switches_on(call):
            got = f"(got {ast.unparse(call)!r})"
            yield f"app.py:{call.lineno} does not switch WEBSOCKETS on {got}; {right}"
    if not switched_on and not flag_calls:
        yield f"app.py does not switch WEBSOCKETS on; {right}"
    if switched_on and min(switched_on) > first:
        yield f"app.py:{min(switched_on)} switches WEBSOCKETS on after a handler; {right}"

    assigned = [
        ast.unparse(t) for node in tree.body if isinstance(node, ast.Assign) for t in node.targets
    ]
    if "app.websocket_api.session" not in assigned:
        yield "app.py does not set app.websocket_api.session; assign chalicelib.session.session"


def _switches_on(call: ast.Call) -> bool:
    # experimental_feature_flags is a set: extend and append raise, update("X") adds letters.
    try:
        (argument,) = [ast.literal_eval(each) for each in call.args]
    except ValueError:
        return False
    method = ast.unparse(call.func).rpartition(".")[2]
    if method == "add":
        return bool(argument == "WEBSOCKETS")
    return method == "update" and not isinstance(argument, str) and "WEBSOCKETS" in argument


def _decorators(tree: ast.Module, owner: str) -> Iterator[tuple[int, str]]:
    """Line and name of each @owner.name(...) on a function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                name = ast.unparse(decorator).split("(")[0]
                if name.startswith(f"{owner}."):
                    yield decorator.lineno, name.removeprefix(f"{owner}.")


def _known_actions(tree: ast.Module) -> set[str]:
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {
        function.name
        for function in functions
        if any(ast.unparse(each).startswith("router.action(") for each in function.decorator_list)
    }


def _stages(project: Path, known: set[str]) -> Iterator[str]:
    config = json.loads((project / ".chalice/config.json").read_text(encoding="utf-8"))
    tables = _tables(project)
    for stage, settings in config.get("stages", {}).items():
        where = f".chalice/config.json, stage {stage}"
        variables = {
            **config.get("environment_variables", {}),
            **settings.get("environment_variables", {}),
        }
        actions = variables.get("WS_ACTIONS", "").replace(" ", "").split(",")
        for action in actions:
            if action not in known:
                use = f"use some of {', '.join(sorted(known))}"
                yield f"{where}: WS_ACTIONS has an unknown action (got {action!r}); {use}"
        table = variables.get("CONNECTIONS_TABLE", "")
        expected = [
            name.replace("${AWS::StackName}", f"{config['app_name']}-{stage}") for name in tables
        ]
        if table not in expected:
            use = f"use {' or '.join(expected) or 'one that resources.json defines'}"
            yield f"{where}: CONNECTIONS_TABLE is not in resources.json (got {table!r}); {use}"
        yield from _policies(project, config, stage, table)


def _tables(project: Path) -> list[str]:
    resources = json.loads((project / "resources.json").read_text(encoding="utf-8"))["Resources"]
    tables = [each for each in resources.values() if each.get("Type") == "AWS::DynamoDB::Table"]
    names = [table["Properties"]["TableName"] for table in tables]
    return [name if isinstance(name, str) else name["Fn::Sub"] for name in names]


def _policies(project: Path, config: Any, stage: str, table: str) -> Iterator[str]:
    settings = config["stages"][stage]
    api_stage = settings.get("api_gateway_stage") or config.get("api_gateway_stage", "api")
    files = {settings.get("iam_policy_file", f"policy-{stage}.json")}
    for function in settings.get("lambda_functions", {}).values():
        files |= {function["iam_policy_file"]} if "iam_policy_file" in function else set()
    for name in sorted(files):
        path = project / ".chalice" / name
        if not path.exists():
            yield f".chalice/{name} is missing, the policy of stage {stage}; restore it"
            continue
        statements = json.loads(path.read_text(encoding="utf-8"))["Statement"]
        needs = [
            *((f"dynamodb:{action}", f"table/{table}") for action in TABLE_ACTIONS),
            ("execute-api:ManageConnections", f"/{api_stage}/POST/@connections/"),
            *(
                (f"logs:{action}", f"/aws/lambda/{config['app_name']}-{stage}-")
                for action in LOG_ACTIONS
            ),
        ]
        for action, resource in needs:
            if not any(_allows(each, action, resource) for each in statements):
                use = f"add it, for a Resource with {resource}"
                yield f".chalice/{name} does not allow {action}; {use}"


def _allows(statement: Any, action: str, resource: str) -> bool:
    actions, resources = _list(statement.get("Action")), _list(statement.get("Resource"))
    return (
        statement.get("Effect") == "Allow"
        and any(fnmatchcase(action.lower(), str(pattern).lower()) for pattern in actions)
        and any(resource in str(each) or each == "*" for each in resources)
    )


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def main() -> int:
    """Print the problems of the app around this file; return the exit status."""
    found = list(problems(Path(__file__).resolve().parent.parent))
    for problem in found:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

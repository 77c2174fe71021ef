"""`make check`: what the app needs to work on AWS, and would miss in silence.

Standard library only: it runs when the app is generated too, before anything is installed.
"""

import ast
import json
import re
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

# What app.py must have, and the names that Chalice gives to these functions.
HANDLERS = {
    "on_ws_connect": "websocket_connect",
    "on_ws_message": "websocket_message",
    "on_ws_disconnect": "websocket_disconnect",
}

# The settings that Chalice reads, by where it does; it ignores any other without a word.
# https://aws.github.io/chalice/topics/configfile.html
MERGED = {"environment_variables", "tags"}
FUNCTION = MERGED | {
    "autogen_policy",
    "iam_policy_file",
    "iam_role_arn",
    "lambda_memory_size",
    "lambda_timeout",
    "layers",
    "log_retention_in_days",
    "manage_iam_role",
    "reserved_concurrency",
    "security_group_ids",
    "subnet_ids",
    "xray",
}
STAGE = FUNCTION | {
    "api_gateway_custom_domain",
    "api_gateway_endpoint_type",
    "api_gateway_endpoint_vpce",
    "api_gateway_policy_file",
    "api_gateway_stage",
    "automatic_layer",
    "lambda_architecture",
    "lambda_functions",
    "minimum_compression_size",
    "websocket_api_custom_domain",
}
APP = STAGE | {"app_name", "profile", "stages", "version"}

# What Chalice does where a setting is left out, and what to set.
DEFAULTS = {
    "autogen_policy": ("a policy that Chalice guesses", "false"),
    "lambda_memory_size": ("128 MB", "512"),
    "lambda_timeout": ("60 s, past the 29 s of API Gateway", "29"),
}

# The variables that hold numbers: what they look like, and what to use.
NUMBERS = {
    "HISTORY_SECONDS": ("[0-9]+", "use a whole number, such as 86400 for a day or 0 for none"),
    "FANOUT_RPS": ("[0-9]+", "use calls a second, such as 5000, or 0 for no limit"),
    "FANOUT_LIMIT": ("[1-9][0-9]*", "use a number of members, such as 5000, or leave it out"),
    "CHANNEL_SHARDS": (r"[1-9][0-9]*(\s*,\s*[1-9][0-9]*)*", "use 1 or more, or see docs/scale.md"),
}

VARIABLES = {*NUMBERS, "CONNECTIONS_TABLE", "FANOUT_SENDER", "WS_ACTIONS"}

CONFIG = ".chalice/config.json"

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
    if len(trees) == 2 and not broken:
        try:
            config = json.loads((project / CONFIG).read_text(encoding="utf-8"))
            functions = dict(_functions(trees["app.py"]))
            yield from _keys(config, functions)
            yield from _stages(project, config, _known_actions(trees["chalicelib/actions.py"]))
            for stage in config["stages"]:
                yield from _settings(project, config, stage, functions)
        except KeyError as error:
            yield f"{CONFIG} or resources.json lacks {error}; restore it"
        except (AttributeError, OSError, TypeError) as error:
            yield f"{CONFIG} or resources.json is not of the usual form ({error}); restore it"


def _leftovers(project: Path) -> Iterator[str]:
    mark = "{" * 2 + " cookiecutter"
    for path in sorted(project.rglob("*")):
        name = path.relative_to(project)
        if path.is_file() and not FOREIGN & set(name.parts) and mark.encode() in path.read_bytes():
            yield f"{name} has a left-over (got '{mark}'); fill it in"


def _json_files(project: Path) -> list[Path]:
    return sorted(
        [
            *project.glob("resources/*.json"),
            *project.glob("*.json"),
            *project.glob(".chalice/**/*.json"),
        ]
    )


def _not_json(path: Path, project: Path) -> Iterator[str]:
    try:
        json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        yield f"{path.relative_to(project)} is not JSON ({error}); mend it there"


def _app(tree: ast.Module) -> Iterator[str]:
    handlers = {name: line for line, name, _ in _decorators(tree)}
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
        yield "app.py does not set app.websocket_api.session; assign chalicelib.aws.session"


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


def _decorators(tree: ast.Module) -> Iterator[tuple[int, str, str]]:
    """Line and name of each @app.name(...), and the name of its function."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                name = ast.unparse(decorator).split("(")[0]
                if name.startswith("app."):
                    yield decorator.lineno, name.removeprefix("app."), node.name


def _functions(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """The Lambda functions of app.py: the name that Chalice knows each by, and its own."""
    for _, decorator, name in _decorators(tree):
        if decorator == "route":
            yield "api_handler", "api_handler"
        elif decorator != "middleware":
            yield HANDLERS.get(decorator, name), name


def _known_actions(tree: ast.Module) -> set[str]:
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {
        function.name
        for function in functions
        if any(ast.unparse(each).startswith("router.action(") for each in function.decorator_list)
    }


def _keys(config: Any, functions: dict[str, str]) -> Iterator[str]:
    """What Chalice would ignore: unknown keys, known ones where it does not look, names."""
    places = [("", config, APP)]
    owners = [("", config)]
    for stage, settings in config["stages"].items():
        places.append((f"stages.{stage}.", settings, STAGE))
        owners.append((f"stages.{stage}.", settings))
    for where, owner in owners:
        for name, settings in owner.get("lambda_functions", {}).items():
            takes = FUNCTION if where else FUNCTION - MERGED
            places.append((f"{where}lambda_functions.{name}.", settings, takes))
            if name not in functions:
                meant = next((key for key, own in functions.items() if own == name), "")
                use = meant or f"one of {', '.join(functions)}"
                what = f"{CONFIG}: {where}lambda_functions has no such function (got {name!r})"
                yield f"{what}; use {use}"
    for where, settings, takes in places:
        for key in settings.keys() - takes:
            what = f"{CONFIG}: Chalice ignores {where}{key}"
            if key in MERGED:
                yield f"{what}; move it to stages.STAGE.{where}{key}"
            elif key in APP:
                level = "the top" if key not in STAGE else "a stage"
                yield f"{what}; move it to {level}"
            else:
                likely = get_close_matches(key, sorted(takes), 1, 0)
                yield f"{what}; use {likely[0]}, or take it out"


def _settings(project: Path, config: Any, stage: str, functions: dict[str, str]) -> Iterator[str]:
    """What is left to Chalice, and policies that are missing or not named."""
    own_settings = config["stages"][stage].get("lambda_functions", {})
    left: dict[str, list[str]] = {key: [] for key in DEFAULTS}
    late = []
    api = config["stages"][stage].get("api_gateway_stage", config.get("api_gateway_stage", "api"))
    for name, own_name in functions.items():
        shared = config.get("lambda_functions", {}).get(name, {})
        own = own_settings.get(name, {})
        found = {**config, **shared, **config["stages"][stage], **own}
        for key, names in left.items():
            names += [] if found.get(key, True) is not True else [name]
        timeout = found.get("lambda_timeout", 29)
        if type(timeout) is not int or (timeout > 29 and name.startswith("websocket_")):
            late.append(f"{name}: {timeout!r}")
        policy = f"{stage}/{own_name}.json"
        if own.get("iam_policy_file") != policy:
            what = f"{CONFIG}, stage {stage}: {name} does not name its policy"
            use = f'use "{name}": {{"iam_policy_file": "{policy}"}} under lambda_functions'
            yield f"{what} (got {own.get('iam_policy_file')!r}); {use}"
        path = project / ".chalice" / policy
        if not path.exists():
            yield f".chalice/{policy} is missing; write there what {own_name} may do in AWS"
        elif "@connections" in (text := path.read_text()) and f"/{api}/POST/@conn" not in text:
            yield f".chalice/{policy} is for another stage of the API; use {api!r} there"
    if late:
        what = f"{CONFIG}, stage {stage}: API Gateway waits 29 s (got {', '.join(late)})"
        yield f'{what}; use "lambda_timeout": 29'
    for key, names in left.items():
        if names:
            what = f"{CONFIG}, stage {stage}: {', '.join(names)}"
            yield f'{what} would get {DEFAULTS[key][0]}; use "{key}": {DEFAULTS[key][1]}'
    known = {f"{own_name}.json" for own_name in functions.values()}
    for path in sorted((project / ".chalice" / stage).glob("*.json")):
        if path.name not in known:
            yield f".chalice/{stage}/{path.name} is no function's; rename it or delete it"


def _stages(project: Path, config: Any, known: set[str]) -> Iterator[str]:
    tables = _tables(project)
    for stage, settings in config["stages"].items():
        where = f"{CONFIG}, stage {stage}"
        variables = {
            **config.get("environment_variables", {}),
            **settings.get("environment_variables", {}),
        }
        actions = str(variables.get("WS_ACTIONS", "")).replace(" ", "").split(",")
        for action in actions:
            if action not in known:
                use = f"use some of {', '.join(sorted(known))}"
                yield f"{where}: WS_ACTIONS has an unknown action (got {action!r}); {use}"
        for name, value in variables.items():
            pattern, use = NUMBERS.get(name, (r"[\s\S]*", ""))
            likely = get_close_matches(name, VARIABLES, 1, 0.8)
            if likely and name not in VARIABLES:
                yield f"{where}: nothing reads {name}; use {likely[0]}"
            if not isinstance(value, str):
                yield f'{where}: {name} is not in quotes (got {value!r}); use "{value}"'
            elif not re.fullmatch(pattern, value):
                yield f"{where}: {name} does not fit (got {value!r}); {use}"
        table = variables.get("CONNECTIONS_TABLE", "")
        stack = f"{config['app_name']}-{stage}"
        expected = [name.replace("${AWS::StackName}", stack) for name in tables]
        if table not in expected:
            use = f"use {' or '.join(expected) or 'one that resources.json defines'}"
            yield f"{where}: CONNECTIONS_TABLE is not in resources.json (got {table!r}); {use}"


def _tables(project: Path) -> list[str]:
    resources = json.loads((project / "resources.json").read_text(encoding="utf-8"))["Resources"]
    tables = [each for each in resources.values() if each.get("Type") == "AWS::DynamoDB::Table"]
    names = [table["Properties"]["TableName"] for table in tables]
    return [name if isinstance(name, str) else name["Fn::Sub"] for name in names]


def main() -> int:
    """Print the problems of the app around this file; return the exit status."""
    found = list(problems(Path(__file__).resolve().parents[2]))
    for problem in found:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

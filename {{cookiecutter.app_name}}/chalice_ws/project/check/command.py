"""Check an app for faults that neither Chalice nor AWS would report.

Strategy: each stage is checked in a process of its own, because Chalice too imports the app with
the variables of the stage when it packages. The checks ask the imported app and Chalice's own model
of what it would deploy. Rules that only an app of this template follows apply where the app reads
its variables through chalicelib/settings.py.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

from chalice.constants import DEFAULT_STAGE_NAME

from chalice_ws.project.aws_settings import defer_credentials, hide_wrong_settings
from chalice_ws.project.check import (
    calls,
    functions,
    handlers,
    names,
    policies,
    secret_values,
    settings,
    sign_in,
    variables,
)
from chalice_ws.project.check.python_version import check_python
from chalice_ws.project.check.stage import Stage, load_stage
from chalice_ws.project.config import CONFIG, Advice, AppError, read_config, read_json
from chalice_ws.project.makefile import makefile_extras
from chalice_ws.project.options import add_project_dir
from chalice_ws.project.resource_files import read_resource_file, resource_files

SUMMARY = "Check an app for faults that neither Chalice nor AWS would report."

# Importing an app often makes boto3 clients: these need a region, and would ask for credentials at
# an address that only a machine in AWS has.
AWS_ENVIRONMENT = {
    "AWS_REGION": "us-east-1",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}

# Each yields lines: problems, or Advice, which is printed as a warning.
CHECKS: list[Callable[[Stage], Iterator[str]]] = [
    functions.check_chalice_rules,
    handlers.check_handlers,
    handlers.check_session,
    handlers.check_blueprints,
    handlers.check_parameters,
    handlers.check_schedules,
    functions.check_undeployed_modules,
    functions.check_timeouts,
    functions.check_defaults,
    policies.check_policies,
    policies.check_policy_files,
    policies.check_unused_policies,
    variables.check_variables,
    sign_in.check_sign_in,
    settings.check_unread,
    settings.check_regions,
    settings.check_roles,
    settings.check_grants,
    settings.check_queues,
    calls.check_calls,
    settings.check_limits,
    variables.check_fanout_rate,
    variables.check_unused_actions,
    settings.check_reserved_runs,
    policies.check_tables,
    policies.check_action_names,
    # It is the last: it imports the app again.
    functions.check_imports,
]


class Findings(NamedTuple):
    """The problems and the warnings of an app, a line each: what is wrong, and what to do.

    `checked` has a line for each stage: what was looked at.
    """

    problems: list[str]
    warnings: list[str]
    checked: list[str]


def check_app(
    project_dir: Path, stage: str | None = None, extras: Mapping[str, Sequence[str]] | None = None
) -> Findings:
    """Check an app, and this Python.

    Args:
        project_dir: the folder of app.py.
        stage: the only stage to check. None: each stage of .chalice/config.json.
        extras: the resource files that stages get beside resources.json, by stage. The Makefile
            names those of the others.
    """
    given = extras or {}
    project_dir = project_dir.resolve()
    stages = [stage] if stage else _read_stages(project_dir)
    python = check_python()
    message = [python.message] if python.message else []
    problems, warnings = (message, []) if python.is_refused else ([], message)
    checked = []
    with ExitStack() as stack:
        # A process that took a second stage would have the app of the first one imported.
        futures = {
            each: stack.enter_context(ProcessPoolExecutor(1, get_context("spawn"))).submit(
                _check_stage, project_dir, each, given.get(each, makefile_extras(project_dir, each))
            )
            for each in stages
        }
        for each, future in futures.items():
            try:
                found = future.result()
                problems += found.problems
                warnings += found.warnings
                checked += found.checked
            except BrokenProcessPool:
                what = f"app.py ends the process that imports it (got stage {each!r})"
                problems.append(f"{what}; correct it")
    return Findings(*(list(dict.fromkeys(each)) for each in (problems, warnings, checked)))


def _read_stages(project_dir: Path) -> list[str]:
    try:
        stages = read_json(project_dir / CONFIG).get("stages")
    # The check of a stage reads the file again, and reports the fault.
    except AppError:
        stages = None
    return list(stages) if isinstance(stages, dict) and stages else [DEFAULT_STAGE_NAME]


def _check_stage(project_dir: Path, name: str, extras: Sequence[str]) -> Findings:
    if project_dir.is_dir():
        os.chdir(project_dir)
    for variable, value in AWS_ENVIRONMENT.items():
        os.environ[variable] = os.environ.get(variable) or value
    # A check asks nothing of AWS, and an app may make a session when it is imported.
    hide_wrong_settings()
    defer_credentials()
    problems = list(_check_json(project_dir))
    try:
        content = read_config(project_dir, name).config_from_disk
    except AppError as error:
        return _sort([*problems, str(error)])
    problems += settings.check_stage_values(content, name)
    problems += secret_values.find_secrets(content, name, project_dir)
    try:
        stage = load_stage(project_dir, name, extras)
    except AppError as error:
        return _sort([*problems, str(error), *names.check_names(content)])
    problems += names.check_names(content, stage.python_names())
    for check in CHECKS:
        # A fault that ends one check must not hide what the others find.
        try:
            for problem in check(stage):
                problems.append(problem)
        except AppError as error:
            problems.append(str(error))
    found = _sort(problems)
    return found if found.problems else found._replace(checked=[_describe(stage)])


def _sort(lines: list[str]) -> Findings:
    problems = [each for each in lines if not isinstance(each, Advice)]
    return Findings(problems, [each for each in lines if isinstance(each, Advice)], [])


def _describe(stage: Stage) -> str:
    """Return what the checks have looked at."""
    all_functions = stage.functions.values()
    roles = [each.role for each in all_functions]
    all_policies = {str(role.policy) for role in roles if hasattr(role, "policy")}
    files = resource_files(Path(stage.config.project_dir), stage.extras)
    counts = [
        (len(all_functions), "function", "functions"),
        (len(stage.actions), "action", "actions"),
        (len(all_policies), "policy", "policies"),
        (len(stage.config.environment_variables), "variable", "variables"),
        (len(files), "resource file", "resource files"),
    ]
    texts = [f"{count} {one if count == 1 else many}" for count, one, many in counts if count]
    return f"{stage.name}: {', '.join(texts)}"


def _check_json(project_dir: Path) -> Iterator[str]:
    files = [*resource_files(project_dir, []), *project_dir.glob("resources/*.json")]
    for path in sorted([*files, *project_dir.glob(".chalice/**/*.json")]):
        try:
            if path in files:
                read_resource_file(path)
            else:
                read_json(path)
        except AppError as error:
            yield str(error)


def main(arguments: list[str] | None, prog: str = "chalice-ws check") -> int:
    """Print the problems of an app; return the exit status."""
    parser = argparse.ArgumentParser(prog, description=SUMMARY, allow_abbrev=False)
    add_project_dir(parser)
    parser.add_argument("--stage", help="stage in .chalice/config.json (default: all stages)")
    parser.add_argument(
        "--extras",
        metavar="STAGE=NAMES",
        type=_extras,
        action="append",
        default=[],
        help="resource files that a stage gets, as EXTRAS_STAGE in the Makefile",
    )
    options = parser.parse_args(arguments)
    found = check_app(options.project_dir, options.stage, dict(options.extras))
    for problem in found.problems:
        print(f"error: {problem}", file=sys.stderr)
    for warning in found.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    if not found.problems:
        count = len(found.warnings)
        warned = f"No errors, {count} warning{'s' if count > 1 else ''}"
        print(f"{warned if count else 'No problems'} in {'; '.join(found.checked)}")
    return 1 if found.problems else 0


def _extras(text: str) -> tuple[str, list[str]]:
    stage, _, names = text.partition("=")
    return stage, names.split()

"""Refuse a deploy whose sign-in is not complete, and say if there is none."""

import sys
from collections.abc import Iterable
from pathlib import Path

from chalice.config import Config

from chalice_ws.deploy.errors import DeployError
from chalice_ws.project.check import sign_in
from chalice_ws.project.config import place_of
from chalice_ws.project.functions import CONNECT
from chalice_ws.project.resources import read_resources

# The module of a generated app that reads AUTH.
READER = Path("chalicelib/identity/handshake.py")


def require_sign_in(config: Config, extras: Iterable[str]) -> None:
    """Check the sign-in of a stage.

    Args:
        config: the settings of the stage.
        extras: the names of the resource files that the stage gets.

    Raises:
        AppError: a resource file or the policy cannot be read.
        DeployError: a setting, a package or a permission is missing.
    """
    if not READER.exists():
        return
    resources = read_resources(config, extras)
    scope = config.scope(config.chalice_stage, CONNECT)
    name = scope.iam_policy_file or f"policy-{config.chalice_stage}.json"
    policy = Path(config.project_dir, ".chalice", name) if scope.manage_iam_role else None
    variables = sign_in.function_variables(config, resources, CONNECT)
    where = place_of(config.chalice_stage)
    problems = [f"{where}: {each}" for each in sign_in.find_missing_settings(variables)]
    problems += sign_in.find_faults(config, resources, policy)
    if problems:
        *others, last = problems
        for problem in others:
            print(f"error: {problem}", file=sys.stderr)
        raise DeployError(last)
    if sign_in.is_open(variables) and config.chalice_stage != "dev":
        print(
            f"Anyone may connect to {config.chalice_stage}: AUTH is none;"
            " docs/security.md says how to let people sign in."
        )

"""Check that sign-in is complete: the settings, the packages and the permission that it needs.

A generated app refuses every client where AUTH is jwt and something is missing. These checks find
it before a deploy. A value that the stack will give, such as {"Ref": "..."}, counts as given.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from chalice.config import Config

from chalice_ws.project.check.stage import Stage
from chalice_ws.project.config import place_of, shown
from chalice_ws.project.functions import CONNECT, MESSAGE, logical_id
from chalice_ws.project.page import SETTINGS, find_wrong_client, read_page_settings
from chalice_ws.project.permissions.policy_files import read_statements
from chalice_ws.project.permissions.role_permissions import READ_SECRET, allowed_actions
from chalice_ws.project.resources import Resources

REQUIRED = {
    "AUTH_ISSUER": "the issuer of your tokens, such as https://tenant.example.com/",
    "AUTH_AUDIENCE": "the audience of your tokens, such as a client id",
}

# The first version that has all checks of chalicelib/identity/tokens.py.
MIN_PYJWT = (2, 15)

Variables = Mapping[str, Any]


def check_sign_in(stage: Stage) -> Iterator[str]:
    """Yield what sign-in lacks. check_variables reports its settings."""
    if "AUTH" not in stage.readers or CONNECT not in stage.functions:
        return
    resources = stage.read_resources()
    path = Path(stage.config.project_dir) / SETTINGS
    if path.exists():
        settings = read_page_settings(path)
        variables = function_variables(stage.config, resources, CONNECT)
        yield from (f"{stage.where}: {each}" for each in find_wrong_client(settings, variables))
    yield from find_faults(stage.config, resources, stage.policy_file(CONNECT))


def function_variables(config: Config, resources: Resources, function: str) -> Variables:
    """Return the environment variables of a function, with those of the resource files."""
    own = config.scope(config.chalice_stage, function).environment_variables
    return {**own, **resources.all_variables(logical_id(function))}


def is_open(variables: Variables) -> bool:
    """Return whether anyone may connect."""
    return variables.get("AUTH") in (None, "", "none")


def find_faults(config: Config, resources: Resources, policy: Path | None) -> Iterator[str]:
    """Yield what the sign-in of a stage lacks beside valid settings.

    Args:
        config: the settings of the stage.
        resources: the resources of the stage.
        policy: the policy file of the connect function, if it has one.
    """
    connect, message = (function_variables(config, resources, name) for name in (CONNECT, MESSAGE))
    for problem in (
        *find_mode_difference(connect, message),
        *find_missing_packages(connect, Path(config.project_dir)),
    ):
        yield f"{place_of(config.chalice_stage)}: {problem}"
    # check_policies reports a file that is missing.
    if policy is None or not policy.exists():
        return
    if grant := find_missing_grant(connect, read_statements(policy), resources):
        yield f"{shown(policy)} does not allow to read AUTH_SECRET; add {grant}"


def find_mode_difference(connect: Variables, message: Variables) -> Iterator[str]:
    """Yield the difference between the functions, one of which has no sign-in."""
    if is_open(connect) != is_open(message):
        modes = [each.get("AUTH") or "none" for each in (connect, message)]
        yield (
            f"AUTH differs (got {modes[0]!r} in {CONNECT}, {modes[1]!r} in {MESSAGE}); "
            "use environment_variables of the stage for it, not of a function"
        )


def find_missing_settings(variables: Variables) -> Iterator[str]:
    """Yield the settings that a deployed app lacks for its sign-in."""
    mode = variables.get("AUTH")
    given = [name for name in (*REQUIRED, "AUTH_SECRET") if variables.get(name)]
    if not mode and given:
        yield f"AUTH is missing (got {given[0]} without it); use AUTH jwt, or none"
    if is_open(variables):
        return
    if mode != "jwt":
        yield f"AUTH is not valid (got {mode!r}); use none or jwt"
    for name, use in REQUIRED.items():
        value = variables.get(name)
        if not value or (isinstance(value, str) and not all(map(str.strip, value.split(",")))):
            yield f"{name} is missing (got AUTH 'jwt' with {value or ''!r}); use {use}"
    issuer = variables.get("AUTH_ISSUER") or "https://"
    if _has_keys(variables) and isinstance(issuer, str) and not issuer.startswith("https://"):
        yield f"AUTH_ISSUER is not https (got {issuer!r}); use {REQUIRED['AUTH_ISSUER']}"
    if isinstance(issuer, str) and "/.well-known/" in issuer:
        yield f"AUTH_ISSUER is not valid (got {issuer!r}); use the address before /.well-known/"
    if "HS256" in _algorithms(variables) and not variables.get("AUTH_SECRET"):
        yield "AUTH_SECRET is missing (got HS256 without it); use the name of an SSM parameter"


def find_missing_packages(variables: Variables, project_dir: Path) -> Iterator[str]:
    """Yield the packages that sign-in needs, and that would not be deployed."""
    if is_open(variables):
        return
    wanted = {"pyjwt": "jwt"}
    if _has_keys(variables):
        wanted["cryptography"] = "cryptography"
    use = "PyJWT[crypto]>=2.15,<3" if len(wanted) > 1 else "PyJWT>=2.15,<3"
    installed = set(_requirements(project_dir / "requirements.txt"))
    if old := [each for each in installed if each.startswith("pyjwt ")]:
        yield f"requirements.txt has a PyJWT that is too old (got {old[0]!r}); use {use}"
        return
    for package, module in wanted.items():
        if package not in installed and not (project_dir / "vendor" / module).exists():
            yield f"requirements.txt has no {package}, which AUTH jwt needs; add {use}"
            return


def find_missing_grant(
    variables: Variables, statements: list[dict[str, Any]], resources: Resources
) -> str | None:
    """Return the permission to read the secret, if the connect function lacks it.

    Args:
        statements: those of the function's policy.
        resources: the resources of the stage, which may have more policies for its role.
    """
    secret = variables.get("AUTH_SECRET")
    if is_open(variables) or not isinstance(secret, str) or not secret:
        return None
    name = f"parameter/{secret.removeprefix('/')}"
    allowed = allowed_actions(statements, CONNECT, resources, (READ_SECRET,), name)
    if allowed.actions or allowed.unknown_policies:
        return None
    return f'"{READ_SECRET}" on "arn:*:ssm:*:*:{name}"'


def _algorithms(variables: Variables) -> list[str]:
    value = str(variables.get("AUTH_ALGORITHMS") or "RS256,ES256")
    return [each.strip() for each in value.split(",")]


def _has_keys(variables: Variables) -> bool:
    return _algorithms(variables) != ["HS256"]


def _requirements(path: Path) -> Iterator[str]:
    """Yield the names of the packages in a requirements file, and in those that it includes.

    The name of a PyJWT that is too old has its version behind a space.
    """
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.partition(" #")[0].strip()
        if included := re.match(r"(?:-r|--requirement)[ =]*(\S+)", text):
            yield from _requirements(path.parent / included[1])
            continue
        if old := _old_pyjwt(text):
            yield f"pyjwt {old}"
        if found := re.match(r"([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^]]*\])?", text):
            name = re.sub(r"[-_.]+", "-", found[1]).lower()
            # Such as ./wheels/pyjwt-2.15.1-py3-none-any.whl, or its file name alone.
            yield name.split("-")[0] if name.endswith("-whl") else name
            if name == "pyjwt" and "crypto" in (found[2] or "").lower():
                yield "cryptography"
        elif wheel := re.search(r"/([A-Za-z0-9_]+)-[^/]*\.(whl|tar\.gz)", text):
            yield wheel[1].lower()


def _old_pyjwt(requirement: str) -> str | None:
    """Return the version that a requirement of PyJWT asks for, if it is too old."""
    text = re.sub(r"\s", "", requirement.lower().partition(";")[0])
    found = re.search(r"(?:^|.*/)pyjwt(?:\[[^]]*\])?(.*)", text)
    bounds = re.findall(r"(==|~=|<=?|^-)(\d+(?:\.\d+)*)", found[1]) if found else []
    for operator, version in bounds:
        # ~=2.8 is any 2, and ~=2.8.1 any 2.8.
        parts = tuple(map(int, version.split(".")))[: -1 if operator == "~=" else None]
        is_excluded = operator == "<" and parts == MIN_PYJWT
        if parts < MIN_PYJWT[: len(parts)] or is_excluded:
            return f"{operator.strip('-')}{version}"
    return None

"""Check the answers before the app is generated. Standard library only."""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

# tojson escapes the quotes that would end the string. A raw string has no other escapes.
ANSWERS = json.loads(r'''{{ cookiecutter | tojson }}''')  # fmt: skip

# cookiecutter.json has these two as well: the app is right without this hook.
KINDS = {
    "chat": "echo,name,join,leave,broadcast,history,read,who,channels,help",
    "notifications": "echo,join,leave,history,read,help",
    "echo": "echo,help",
}

SLOW_REGIONS = [
    "af-south-1",
    "ap-south-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-7",
    "ca-west-1",
    "eu-central-2",
    "eu-south-1",
    "eu-south-2",
    "il-central-1",
    "me-central-1",
    "mx-central-1",
]

# The name of a Lambda function has at most 64 characters. CloudFormation makes it of the stack, the
# resource and a suffix of 13 characters, and shortens the stack's part where it is too long. The
# names in the policies would then not match.
MAX_NAME_LENGTH = 64 - len("-prod-WebsocketDisconnect-") - 13


def find_problems(answers: dict[str, Any]) -> list[str]:
    """Return the problems of the answers, a line each: what is wrong, and what to use."""
    found = []
    name, kind, region = (str(answers[key]) for key in ("app_name", "app_kind", "aws_region"))
    # cookiecutter.json takes the slashes out, so that no folder is made outside of the output.
    given = str(answers.get("__given_name"))
    if given.replace("/", "-") == name:
        name = given
    if not re.fullmatch(r"[A-Za-z](-?[A-Za-z0-9])*", name):
        words = re.findall(r"[A-Za-z0-9]+", name)
        suggestion = "-".join(words).lstrip("0123456789-")[:MAX_NAME_LENGTH].strip("-") or "my-chat"
        what = "app_name may have letters, digits and single dashes, and starts with a letter"
        found.append(f"{what} (got {name!r}); use {suggestion!r}")
    elif len(name) > MAX_NAME_LENGTH:
        found.append(
            f"app_name is too long (got {name!r}); use at most {MAX_NAME_LENGTH} characters"
        )
    if kind not in KINDS:
        found.append(f"app_kind is unknown (got {kind!r}); use one of {', '.join(KINDS)}")
    if not re.fullmatch(r"[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}", region):
        found.append(f"aws_region is not a region (got {region!r}); use one such as 'us-east-1'")
    return [*found, *find_changed_variables(answers)]


def find_changed_variables(answers: dict[str, Any]) -> list[str]:
    """Return a line for each private variable with a value that is not the template's."""
    expected = {
        "__folder": "None",
        "__ws_actions": KINDS.get(str(answers["app_kind"]), answers.get("__ws_actions")),
        "__fanout_rps": "1250" if answers["aws_region"] in SLOW_REGIONS else "5000",
        # The template has none of these. They change what cookiecutter does.
        "_extensions": None,
        "_jinja2_env_vars": None,
    }
    return [
        f"{name} is not yours to set (got {answers.get(name)!r}); leave it out"
        for name, value in expected.items()
        if answers.get(name) != value
    ]


def find_old_cookiecutter(answers: dict[str, Any]) -> list[str]:
    """Return a line if this version of cookiecutter knows no private variables."""
    try:
        found = version("cookiecutter")
    except PackageNotFoundError:
        return []
    if int(found.partition(".")[0]) >= 2:
        return []
    advice = f"use 2.x: pipx run cookiecutter {answers['_template']}"
    left = find_left_folder(Path(answers["app_name"]))
    told = [f"cookiecutter has made an empty folder (got {str(left)!r}); remove it"] if left else []
    return [f"cookiecutter is too old (got {found}); {advice}", *told]


def find_left_folder(app_name: Path) -> Path | None:
    """Return the folder above the app's that an old cookiecutter has made and does not remove.

    It makes the folders of an app_name with slashes before this hook, and removes the last one.
    """
    folder, left = Path.cwd(), None
    for name in list(app_name.parts)[-2::-1]:
        if name != folder.parent.name or list(folder.parent.iterdir()) != [folder]:
            break
        folder = left = folder.parent
    return left


if __name__ == "__main__":
    problems = find_old_cookiecutter(ANSWERS) or find_problems(ANSWERS)
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)

"""The files of the template, and the files that come out of it."""

import ast
import json
import re
import sys
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from tests.conftest import KINDS, RAW, ROOT, Bake, files

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# The root of an app shows the owner's files and little else.
TOP_LEVEL = {
    ".chalice",
    ".gitattributes",
    ".github",
    ".gitignore",
    "Makefile",
    "README.md",
    "app.py",
    "chalice_ws",
    "chalicelib",
    "clients",
    "docs",
    "pyproject.toml",
    "requirements-dev.txt",
    "requirements.txt",
    "resources",
    "resources.json",
    "tests",
    "web",
}

# "" is the suffix of Makefile and .gitignore.
SUFFIXES = {
    "",
    ".css",
    ".html",
    ".js",
    ".json",
    ".md",
    ".py",
    ".sh",
    ".toml",
    ".ts",
    # The marker of PEP 561.
    ".typed",
    ".txt",
    ".yaml",
    ".yml",
}

RENDERED = re.compile(
    r"app\.py|\.chalice/.*|resources.*\.json|Makefile|pyproject\.toml|README\.md|docs/deploy\.md"
    r"|docs/recipes/.*"
)


@pytest.fixture
def raw(template: Path) -> dict[str, bytes]:
    """The files of the app's folder before rendering."""
    return files(template / RAW.name)


def test_each_raw_file_is_valid_in_its_own_language(raw: dict[str, bytes]) -> None:
    parsers = {
        ".json": json.loads,
        ".py": ast.parse,
        ".toml": lambda content: tomllib.loads(content.decode()),
        ".yaml": yaml.safe_load,
        ".yml": yaml.safe_load,
    }
    for name, content in raw.items():
        parsers.get(Path(name).suffix, bytes.decode)(content)


def test_jinja_is_only_in_strings_of_rendered_files(raw: dict[str, bytes]) -> None:
    for name, content in raw.items():
        text = content.decode()
        assert "{%" not in text, name
        if not RENDERED.fullmatch(name):
            assert "{{ cookiecutter" not in text, name
        if name.endswith(".py"):
            strings = [
                node.value
                for node in ast.walk(ast.parse(text))
                if isinstance(node, ast.Constant) and isinstance(node.value, str)
            ]
            assert text.count("{{") == sum(each.count("{{") for each in strings) or (
                not RENDERED.fullmatch(name)
            ), name


def test_all_other_files_are_copied_without_rendering(raw: dict[str, bytes]) -> None:
    patterns = json.loads((ROOT / "cookiecutter.json").read_text())["_copy_without_render"]
    for name in raw:
        parts = [name, *map(str, Path(name).parents)]
        copied = any(fnmatch(part, pattern) for part in parts for pattern in patterns)
        assert copied != bool(RENDERED.fullmatch(name)), name


@pytest.mark.parametrize("kind", KINDS)
def test_app_has_the_files_of_the_template_and_nothing_left_over(
    bake: Bake, raw: dict[str, bytes], kind: str
) -> None:
    emitted = files(bake(app_kind=kind))
    assert emitted.keys() == raw.keys()
    assert {name.partition("/")[0] for name in emitted} == TOP_LEVEL
    assert {Path(name).suffix for name in emitted} == SUFFIXES
    for name, content in emitted.items():
        assert b"{{ cookiecutter" not in content, name


def test_kinds_differ_in_config_json_alone(bake: Bake) -> None:
    apps = {kind: files(bake(app_name=f"app-{kind}", app_kind=kind)) for kind in KINDS}
    for kind in KINDS:
        apps[kind] = {
            name: content.replace(f"app-{kind}".encode(), b"app")
            for name, content in apps[kind].items()
        }
    for kind in KINDS[1:]:
        different = {name for name in apps[kind] if apps[kind][name] != apps[KINDS[0]][name]}
        assert different == {".chalice/config.json"}


def test_answers_are_in_their_places(bake: Bake) -> None:
    app = bake(app_name="Team-7", app_kind="notifications", aws_region="eu-central-1")
    config = json.loads((app / ".chalice/config.json").read_text())
    assert config["app_name"] == "Team-7"
    assert {stage: each["environment_variables"] for stage, each in config["stages"].items()} == {
        stage: {
            "CONNECTIONS_TABLE": f"Team-7-{stage}-connections",
            "WS_ACTIONS": "echo,join,leave,history,read,help",
            "HISTORY_SECONDS": "86400",
            "FANOUT_RPS": "5000",
        }
        for stage in ("dev", "prod")
    }
    found = sorted(name for name, content in files(app).items() if b"eu-central-1" in content)
    assert found == ["Makefile", "README.md"]


def test_each_question_has_a_prompt() -> None:
    content = json.loads((ROOT / "cookiecutter.json").read_text())
    questions = {name for name in content if not name.startswith("_")}
    assert questions == {"app_name", "app_kind", "aws_region"}
    assert content["__prompts__"].keys() == questions
    assert content["__prompts__"]["app_kind"].keys() == {"__prompt__", *content["app_kind"]}

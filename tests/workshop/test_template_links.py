"""The part "In the template" of each lesson: its files and functions are in the generated app."""

import ast
import re
from pathlib import Path

import pytest

from tests.conftest import RAW
from tests.workshop.pages import PAGES

FOLDERS = r"(?:chalicelib|chalice_ws|docs|resources|tests|web|\.chalice)/[\w./-]*"
FILE = rf"`(app\.py|resources\.json|{FOLDERS})`"


def defined(path: Path) -> set[str]:
    """Return the names of a module's functions and classes, and CLASS.METHOD for methods."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            methods = [each for each in node.body if isinstance(each, ast.FunctionDef)]
            found |= {f"{node.name}.{method.name}" for method in methods}
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_files_and_functions_of_the_template_exist(page: Path) -> None:
    text = " ".join(page.read_text().partition("## In the template")[2].split())
    files = re.findall(FILE, text)
    assert files
    assert [name for name in files if not (RAW / name).exists()] == []
    named = re.findall(rf"((?:`[\w.]+`(?:,? and )?)+) in {FILE}", text)
    for functions, name in named:
        if name.endswith(".py"):
            known = defined(RAW / name)
            wanted = set(re.findall(r"`(.+?)`", functions))
            assert wanted <= known, f"{name} has no {wanted - known}"
    assert named or page.stem.startswith(("08", "12"))

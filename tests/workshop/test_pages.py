"""The parts of each lesson's page, its time, and what it says of the generated app."""

import ast
import re
from pathlib import Path

import pytest

from tests.conftest import RAW
from tests.workshop.pages import PAGES, Console, Edit, Heading, steps

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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_has_all_parts_of_a_lesson(page: Path) -> None:
    text = page.read_text()
    headings = [step.text for step in steps(page) if isinstance(step, Heading)]
    assert headings[0] == "The idea"
    assert headings[-4:] == ["Check your app", "Exercise", "If you are stuck", "In the template"]
    assert "\nYou will have " in text
    assert "<summary>Solution</summary>" in text.partition("## Exercise")[2]
    symptoms = text.partition("## If you are stuck")[2].partition("\n## ")[0]
    assert symptoms.count("\n- ") >= 3
    assert symptoms.count("](https://") >= 2


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_time_of_a_lesson_is_that_of_its_text_and_steps(page: Path) -> None:
    """The estimate: 130 words a minute, half a minute for a step, five minutes for the exercise."""
    text = page.read_text().partition("## If you are stuck")[0]
    words = len(re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL).split())
    edits = [step for step in steps(page) if isinstance(step, Edit)]
    consoles = [step.text for step in steps(page) if isinstance(step, Console)]
    commands = sum(len(re.findall(r"^\$ ", each, re.MULTILINE)) for each in consoles)
    copied_lines = sum(each.text.count("\n") for each in edits)
    estimate = words / 130 + (len(edits) + commands) / 2 + copied_lines / 60 + 5
    (minutes,) = re.findall(r"\n\n(\d+) minutes", text)
    assert 15 <= int(minutes) <= 25
    assert abs(int(minutes) - estimate) <= 7

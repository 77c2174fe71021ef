"""The pages of the recipes: blocks that parse, files that exist, and few of them."""

import ast
import json
import re
import shlex
from pathlib import Path

import pytest

from tests.conftest import RAW
from tests.recipes.reader import Step, named_files, steps

PAGES = sorted(
    path.stem for path in (RAW / "docs" / "recipes").glob("*.md") if path.stem != "README"
)

# What a recipe may cost its owner: files and lines, beside those of its test.
MAX_FILES = 3
MAX_LINES = 30

# Pages of several recipes: each function or file of theirs is one.
PARTS = {"aws-events": 4, "remove": 8}


FILE = r"(app\.py|resources\.json|(\.chalice|chalicelib|docs|resources|tests|web)/[\w./-]*\.\w+)"


@pytest.fixture
def pages(app: Path) -> Path:
    return app / "docs" / "recipes"


def cost(page: str) -> tuple[int, int]:
    """Return the files and the lines of a page that its reader writes, without its tests."""
    written = [each for each in steps(page) if each.file and not each.file.startswith("tests/")]
    lines = [line for each in written for line in each.block.splitlines() if line.strip()]
    return len({each.file for each in written}), len(lines)


def parse(step: Step) -> None:
    """Parse a block in its language."""
    if step.language == "python":
        ast.parse(step.block)
    elif step.language == "json":
        text = step.block.strip()
        json.loads(text if text.startswith("{") else f"{{{text}}}")
    elif step.language == "sh":
        for line in step.block.replace("\\\n", " ").splitlines():
            assert shlex.split(line)
    else:
        assert step.language in ("", "js", "make", "text"), step


@pytest.mark.parametrize("name", PAGES)
def test_page_is_short_and_its_blocks_parse(pages: Path, name: str) -> None:
    page = (pages / f"{name}.md").read_text()
    for step in steps(page):
        parse(step)
    files, lines = cost(page)
    parts = PARTS.get(name, 1)
    assert (files <= MAX_FILES + parts - 1, lines <= MAX_LINES * parts) == (True, True), (
        files,
        lines,
    )


@pytest.mark.parametrize("name", PAGES)
def test_files_that_a_page_names_exist(app: Path, pages: Path, name: str) -> None:
    page = (pages / f"{name}.md").read_text()
    # Pages name the files of each other too.
    pages_text = "".join(each.read_text() for each in pages.glob("*.md"))
    created = {each.file for each in steps(pages_text) if each.is_new}
    for file in named_files(page) - created:
        if re.fullmatch(FILE, file):
            assert (app / file).exists(), file
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", page):
        assert link.startswith("https://") or (pages / link).exists(), link


def test_index_has_each_page(pages: Path) -> None:
    linked = re.findall(r"\((\w[\w-]*)\.md\)", (pages / "README.md").read_text())
    assert sorted(linked) == PAGES

"""The steps of a lesson's page, as a reader takes them.

A line before a code block says what to do with the block: "Write `app.py`:", "Add to the end of
`app.py`:", "Replace the function `message` in `app.py`:". A block of `console` is what stands in a
terminal. The line before it names the terminal: first, second or third.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.conftest import ROOT

WORKSHOP = ROOT / "docs" / "workshop"
PAGES = sorted(WORKSHOP.glob("[0-9][0-9]-*.md"))

FENCE = re.compile(r"^```(\w*)\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
TERMINAL = re.compile(r"\b(first|second|third|fourth) terminal\b")

# What a line before a block of code may say. `what` is a line or a name, where there is one.
EDITS = {
    "write": r"Write `(?P<file>[^`]+)`",
    "append": r"Add to the end of `(?P<file>[^`]+)`",
    "function": r"Replace the function `(?P<what>\w+)` in `(?P<file>[^`]+)`",
    "imports": r"Replace the imports of `(?P<file>[^`]+)`",
    "line": r"In `(?P<file>[^`]+)`, replace the line `(?P<what>[^`]+)`",
    "below": r"In `(?P<file>[^`]+)`, add below `(?P<what>[^`]+)`",
}
REMOVE = re.compile(r"Remove the (?P<kind>function|line) `(?P<what>[^`]+)` from `(?P<file>[^`]+)`")


@dataclass(frozen=True)
class Edit:
    """A change of a file."""

    kind: str
    file: str
    what: str
    text: str
    line: int


@dataclass(frozen=True)
class Console:
    """A block of a terminal, or its continuation."""

    terminal: str
    text: str
    line: int


@dataclass(frozen=True)
class Heading:
    """A heading of the second level."""

    text: str


Step = Edit | Console | Heading


def steps(page: Path) -> Iterator[Step]:
    """Yield the steps of a page in their order. A block without a known meaning is an error."""
    text = page.read_text()
    position, terminal = 0, "first"
    for fence in FENCE.finditer(text):
        before = text[position : fence.start()]
        yield from _prose(before, page)
        line = text.count("\n", 0, fence.start()) + 1
        language, block = fence[1], fence[2]
        position = fence.end()
        # The paragraph before the block.
        introduction = " ".join(before.strip().rpartition("\n\n")[2].split())
        if language == "console":
            named = TERMINAL.findall(introduction)
            terminal = named[-1] if named else terminal
            yield Console(terminal, block, line)
            continue
        edit = next(
            (
                Edit(kind, found["file"], found.groupdict().get("what", ""), block, line)
                for kind, pattern in EDITS.items()
                if (found := re.search(pattern, introduction))
            ),
            None,
        )
        assert edit or language == "text", f"{page.name}:{line}: nothing says where to put this"
        if edit:
            yield edit
    yield from _prose(text[position:], page)


def _prose(text: str, page: Path) -> Iterator[Step]:
    for found in re.finditer(rf"^## (?P<heading>.+)$|{REMOVE.pattern}", text, re.MULTILINE):
        if found["heading"]:
            yield Heading(found["heading"])
        else:
            yield Edit(f"remove {found['kind']}", found["file"], found["what"], "", 0)

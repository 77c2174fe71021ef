"""The lessons: their pages, and the files of their apps."""

import re
from dataclasses import dataclass
from pathlib import Path

# The folder of the workshop, in the template's repository and in the installed package.
FOLDER = Path(__file__).resolve().parent.parent

# A lesson's page begins with its title and its time.
TITLE = re.compile(r"# Lesson \d+: (.+)\n\n(\d+) minutes")


class LessonError(Exception):
    """A problem that the reader can solve. Its text says how."""


@dataclass(frozen=True)
class Lesson:
    """A lesson.

    Args:
        number: 1 for the first.
        name: the name of its page and its folder, such as `01-echo`.
    """

    number: int
    name: str

    @property
    def page(self) -> Path:
        """The page to read."""
        return FOLDER / f"{self.name}.md"

    @property
    def title(self) -> str:
        """The title of the page."""
        return self._heading()[0]

    @property
    def minutes(self) -> int:
        """The time that the lesson takes."""
        return int(self._heading()[1])

    def files(self) -> dict[str, bytes]:
        """Return the files of the app at the end of the lesson, by their relative paths."""
        folder = FOLDER / self.name
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in paths
            if "__pycache__" not in path.parts
        }

    def _heading(self) -> tuple[str, str]:
        found = TITLE.match(self.page.read_text(encoding="utf-8"))
        assert found, self.page
        return found[1], found[2]


def lessons() -> list[Lesson]:
    """Return all lessons, in their order."""
    names = sorted(path.stem for path in FOLDER.glob("[0-9][0-9]-*.md"))
    return [Lesson(int(name[:2]), name) for name in names]


def find(text: str) -> Lesson:
    """Return the lesson of a number; raises LessonError."""
    found = [lesson for lesson in lessons() if text.isdecimal() and lesson.number == int(text)]
    if not found:
        last = lessons()[-1].number
        raise LessonError(f"there is no such lesson (got {text!r}); use a number from 1 to {last}")
    return found[0]

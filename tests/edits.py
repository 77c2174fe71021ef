"""Edits of a generated app's files."""

from collections.abc import Callable
from pathlib import Path

Edit = Callable[[Path], object]


def replace(name: str, old: str, new: str) -> Edit:
    """Return an edit of a file's text."""

    def edit(app: Path) -> None:
        text = (app / name).read_text()
        assert old in text
        (app / name).write_text(text.replace(old, new))

    return edit

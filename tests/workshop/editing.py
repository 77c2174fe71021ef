"""The changes of files that a page asks for."""

import ast
from pathlib import Path

from tests.workshop.pages import Edit


def apply(edit: Edit, folder: Path) -> None:
    """Change a file as a reader would who follows the page."""
    path = folder / edit.file
    if edit.kind == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(edit.text)
        return
    text = path.read_text()
    lines = text.splitlines(keepends=True)
    if edit.kind == "append":
        assert text.endswith("\n"), edit
        # Two empty lines stand between functions, as in the block's own file.
        lines.append(f"\n\n{edit.text}" if path.suffix == ".py" else edit.text)
    elif edit.kind in ("line", "below"):
        number = _line(lines, edit.what)
        keep = [lines[number]] if edit.kind == "below" else []
        lines[number : number + 1] = [*keep, edit.text]
    elif edit.kind.startswith("remove"):
        start = end = _line(lines, edit.what) if edit.kind.endswith("line") else -1
        if start < 0:
            start, end = _function(text, edit.what)
            end -= 1
        # The empty lines before it go with it.
        while start and not lines[start - 1].strip():
            start -= 1
        del lines[start : end + 1]
    else:
        start, end = _imports(text) if edit.kind == "imports" else _function(text, edit.what)
        lines[start:end] = [edit.text]
    path.write_text("".join(lines))


def _line(lines: list[str], text: str) -> int:
    """Return the index of the only line with a text."""
    found = [number for number, line in enumerate(lines) if line.strip() == text.strip()]
    assert len(found) == 1, f"{text!r} stands in {len(found)} lines"
    return found[0]


def _function(text: str, name: str) -> tuple[int, int]:
    """Return the first line of a function with its decorators, and the one after its last."""
    (node,) = (
        node
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef) and node.name == name
    )
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    assert node.end_lineno
    return first - 1, node.end_lineno


def _imports(text: str) -> tuple[int, int]:
    found = [node for node in ast.parse(text).body if isinstance(node, ast.Import | ast.ImportFrom)]
    assert found[-1].end_lineno
    return found[0].lineno - 1, found[-1].end_lineno

"""The first word of each docstring, the template's and the generated app's."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

# A docstring begins with a verb, or with a noun and its article.
QUESTION_WORDS = set("what who whom whose how where with when whether why which".split())  # noqa: SIM905
OTHER_WORDS = set("it this that these those there if because in on without not".split())  # noqa: SIM905

WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def wrong_docstrings(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each docstring that begins with a wrong word."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, WITH_DOCSTRING) and (text := ast.get_docstring(node)):
            first = text.split()[0].strip(".,:;()`'\"").lower()
            if first in QUESTION_WORDS | OTHER_WORDS:
                yield node.body[0].lineno, text.splitlines()[0]


def test_no_docstring_begins_with_a_wrong_word(template: Path) -> None:
    found = [
        f"{path.relative_to(template)}:{line}: {text}"
        for path in sorted(template.rglob("*.py"))
        for line, text in wrong_docstrings(path.read_text())
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "source",
    [
        '"""What this module is."""',
        'class A:\n    """Whose it is."""',
        'def f():\n    """\n    How: so."""',
        'async def f():\n    """Whether it is."""',
        'def f():\n    """There is a thing."""',
    ],
)
def test_wrong_word_is_found(source: str) -> None:
    assert list(wrong_docstrings(source))

"""The reader of the lessons' tests: it finds what differs from the page, and what it cannot do."""

from pathlib import Path

import pytest

from tests.workshop.pages import steps
from tests.workshop.reader import reading


def follow(page: str, folder: Path) -> dict[str, bytes]:
    """Follow a page, and return the files that it leaves."""
    path = folder / "page.md"
    path.write_text(page)
    with reading(folder) as reader:
        list(reader.follow(path))
        return reader.files()


def console(*lines: str) -> str:
    return "\n".join(["In the first terminal:", "", "```console", *lines, "```", ""])


@pytest.mark.parametrize(
    "lines",
    [
        ("$ echo one", "two"),
        ("$ printf 'one\\ntwo\\n'", "one"),
        ("$ echo one",),
        ("$ echo AAAAAAAAAAAAAAA= BBBBBBBBBBBBBBB=", "aaaaaaaaaaaaaaa= aaaaaaaaaaaaaaa="),
        ("$ echo hidden; echo one", "one"),
    ],
)
def test_output_that_differs_is_found(lines: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"page\.md:3: expected"):
        follow(console(*lines), tmp_path)


def test_same_output_with_other_ids_and_times_is_accepted(tmp_path: Path) -> None:
    page = console(
        "$ echo 10:20:30 AAAAAAAAAAAAAAA= 200 7 ms",
        "12:00:00 PJqB0fHsqRcCHlw= 200 250 ms",
        "$ echo AAAAAAAAAAAAAAA=",
        "PJqB0fHsqRcCHlw=",
        "$ printf 'one\\ntwo\\nthree\\n'",
        "...",
        "three",
    )
    follow(page, tmp_path)


def test_edits_change_the_file_as_the_page_says(tmp_path: Path) -> None:
    page = """
Write `a.py`:

```python
import os

first = 1


@decorated
def one():
    return 1


def two():
    return 2
```

Replace the imports of `a.py`:

```python
import sys
```

Replace the function `one` in `a.py`:

```python
def one():
    return "one"
```

In `a.py`, replace the line `first = 1` with:

```python
first = 10
```

Remove the function `two` from `a.py`. Add to the end of `a.py`:

```python
last = 2
```
"""
    expected = 'import sys\n\nfirst = 10\n\n\ndef one():\n    return "one"\n\n\nlast = 2\n'
    assert follow(page, tmp_path)["a.py"].decode() == expected


def test_block_without_a_place_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "page.md"
    path.write_text("Some code:\n\n```python\nx = 1\n```\n")
    with pytest.raises(AssertionError, match="nothing says where to put this"):
        list(steps(path))

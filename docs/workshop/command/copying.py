"""Copy a lesson's app into a folder, or compare it with the files there."""

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path

from .lessons import Lesson, LessonError, lessons

HUNK = re.compile(r"@@ -(\d+).*@@")


@dataclass(frozen=True)
class Copied:
    """The names of the files that were written, and the lesson whose app was there before."""

    names: list[str]
    replaced: Lesson | None


def copy(lesson: Lesson, folder: Path) -> Copied:
    """Write the files of a lesson's app into a folder.

    A file that is there already with the same content is left alone. The app of another lesson is
    replaced, if all of its files are as the lesson has them.

    Raises:
        LessonError: work of the reader's own is there, or a file cannot be written. The folder is
            as it was.
    """
    files = lesson.files()
    names = {name for each in lessons() for name in each.files()}
    own = {name: content for name in sorted(names) if (content := _read(folder / name)) is not None}
    different = [name for name in files if name in own and not _is_same(own[name], files[name])]
    replaced = _lesson_of(own) if different else None
    if different and replaced is None:
        use = f"see --diff, or use another folder: chalice-ws lesson {lesson.number} OTHER"
        raise LessonError(f"your own work is in {folder} (got {', '.join(different)}); {use}")
    written = {name: content for name, content in files.items() if name not in own}
    written |= {name: files[name] for name in different}
    removed = [name for name in own if name not in files] if replaced else []
    _change(folder, written, removed)
    return Copied(list(written), replaced)


def differences(lesson: Lesson, folder: Path) -> Iterator[str]:
    """Yield the lines of a diff from the files in a folder to those of a lesson's app.

    Empty lines do not count. A line `@@` has the number of the next line in the folder's file.
    """
    for name, content in lesson.files().items():
        own = _read(folder / name)
        if own is not None and _is_same(own, content):
            continue
        before = _lines(own or b"")
        title = name if own is not None else f"{name} (missing)"
        after = [line for _, line in _lines(content)]
        for line in unified_diff(
            [line for _, line in before],
            after,
            title,
            f"{name} of lesson {lesson.number}",
            lineterm="",
        ):
            if hunk := HUNK.fullmatch(line):
                number = before[max(int(hunk[1]) - 1, 0)][0] if before else 1
                line = f"@@ line {number} @@"
            yield line


def _lesson_of(own: dict[str, bytes]) -> Lesson | None:
    """Return a lesson that has all of these files with this content, if there is one."""
    for lesson in lessons():
        files = lesson.files()
        if all(name in files and _is_same(own[name], files[name]) for name in own):
            return lesson
    return None


def _change(folder: Path, written: dict[str, bytes], removed: list[str]) -> None:
    """Write and remove files; raises LessonError if that fails, with the folder as it was."""
    made: list[Path] = []
    before = {name: _read(folder / name, as_it_is=True) for name in (*written, *removed)}
    try:
        for name, content in written.items():
            path = folder / name
            _make_folder(path.parent, made)
            path.write_bytes(content)
        for name in removed:
            (folder / name).unlink()
    except OSError as error:
        for name, old in before.items():
            with suppress(OSError):
                if old is None:
                    (folder / name).unlink(missing_ok=True)
                else:
                    (folder / name).write_bytes(old)
        for path in reversed(made):
            with suppress(OSError):
                path.rmdir()
        raise LessonError(f"cannot write to {folder} (got {error}); use another folder") from None
    # A folder that a lesson alone had, such as chalicelib.
    for path in {(folder / name).parent for name in removed} - {folder}:
        with suppress(OSError):
            path.rmdir()


def _read(path: Path, as_it_is: bool = False) -> bytes | None:
    """Return the content of a file; None: there is no file.

    Args:
        path: the file.
        as_it_is: whether to keep the line ends of Windows.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LessonError(f"cannot read {path} (got {error}); use another folder") from None
    return content if as_it_is else content.replace(b"\r\n", b"\n")


def _is_same(own: bytes, content: bytes) -> bool:
    """Return whether two files differ by empty lines at most."""
    return [line for _, line in _lines(own)] == [line for _, line in _lines(content)]


def _lines(content: bytes) -> list[tuple[int, str]]:
    """Return the lines that are not empty, with their numbers, without spaces at their ends."""
    lines = content.decode(errors="replace").splitlines()
    return [(number, line.rstrip()) for number, line in enumerate(lines, 1) if line.strip()]


def _make_folder(folder: Path, made: list[Path]) -> None:
    """Make a folder and those above it that are missing, and note each in `made`."""
    if not folder.is_dir():
        _make_folder(folder.parent, made)
        folder.mkdir()
        made.append(folder)

"""Copy a lesson's app into a folder, or compare it with the files there."""

from collections.abc import Iterator
from contextlib import suppress
from difflib import unified_diff
from pathlib import Path

from .lessons import Lesson, LessonError


def copy(lesson: Lesson, folder: Path) -> list[str]:
    """Write the files of a lesson's app into a folder; return the names of those that are new.

    A file that is there already with the same content is left alone.

    Raises:
        LessonError: a file with other content is there, or one cannot be written. The folder is
            as it was.
    """
    files = lesson.files()
    different = [name for name in files if _read(folder / name) not in (None, files[name])]
    if different:
        use = f"see --diff, or use another folder: chalice-ws lesson {lesson.number} OTHER"
        raise LessonError(f"your own work is in {folder} (got {', '.join(different)}); {use}")
    written: list[Path] = []
    try:
        for name, content in files.items():
            if not (path := folder / name).exists():
                _make_folder(path.parent, written)
                written.append(path)
                path.write_bytes(content)
    except OSError as error:
        _remove(written)
        raise LessonError(f"cannot write to {folder} (got {error}); use another folder") from None
    return [path.relative_to(folder).as_posix() for path in written if path.is_file()]


def differences(lesson: Lesson, folder: Path) -> Iterator[str]:
    """Yield the lines of a diff from the files in a folder to those of a lesson's app."""
    for name, content in lesson.files().items():
        own = _read(folder / name)
        if own != content:
            yield from unified_diff(
                _lines(own or b""),
                _lines(content),
                name if own is not None else f"{name} (missing)",
                f"{name} of lesson {lesson.number}",
                lineterm="",
            )


def _read(path: Path) -> bytes | None:
    """Return the content of a file, without the line ends of Windows; None: there is no file."""
    try:
        return path.read_bytes().replace(b"\r\n", b"\n")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LessonError(f"cannot read {path} (got {error}); use another folder") from None


def _lines(content: bytes) -> list[str]:
    return content.decode(errors="replace").splitlines()


def _make_folder(folder: Path, written: list[Path]) -> None:
    """Make a folder and those above it that are missing, and note each in `written`."""
    if not folder.is_dir():
        _make_folder(folder.parent, written)
        folder.mkdir()
        written.append(folder)


def _remove(written: list[Path]) -> None:
    for path in reversed(written):
        with suppress(OSError):
            if path.is_dir():
                path.rmdir()
            else:
                path.unlink()

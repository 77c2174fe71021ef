"""The command line of `chalice-ws lesson`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from .copying import copy, differences
from .lessons import Lesson, LessonError, find, lessons

SUMMARY = """Copy the app of a lesson of the workshop, compare it with yours, or check yours.

Without a number: list the lessons."""


def main(arguments: Sequence[str] | None = None, prog: str = "chalice-ws lesson") -> int:
    """Run the command; return the exit status."""
    parser = _parser(prog)
    # The folder may also follow an option.
    options = parser.parse_intermixed_args(arguments)
    if options.number is None:
        if options.check or options.diff:
            parser.error("the number of the lesson is missing")
        return _list()
    try:
        lesson = find(options.number)
        if options.check:
            return _check(lesson, options)
        if options.diff:
            return _diff(lesson, options.folder)
        return _copy(lesson, options.folder)
    except LessonError as error:
        print(f"error: {error}", file=sys.stderr)
    except BrokenPipeError:
        # The reader of the output, such as head, has ended. Python would report it at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog,
        description=SUMMARY,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("number", nargs="?", metavar="NUMBER", help="number of the lesson")
    folder = "folder of your app (default: the current folder)"
    add("folder", nargs="?", metavar="FOLDER", type=Path, default=Path(), help=folder)
    either = parser.add_mutually_exclusive_group().add_argument
    either("--check", action="store_true", help="check your running app, and print hints")
    either("--diff", action="store_true", help="print what differs from the lesson's app")
    add("--url", help="address of your running app (default: that of the local gateway)")
    add("--port", type=int, default=8000, help="port of the local gateway (default: %(default)s)")
    return parser


def _list() -> int:
    for lesson in lessons():
        print(f"{lesson.number:2}  {lesson.title} ({lesson.minutes} minutes)")
    print("chalice-ws lesson NUMBER copies the app as it is at the lesson's end.")
    return 0


def _copy(lesson: Lesson, folder: Path) -> int:
    copied = copy(lesson, folder)
    names = ", ".join(copied.names) or "all files are there"
    print(f"Lesson {lesson.number}, {lesson.title}: {names}")
    if copied.replaced:
        print(f"They replace the app of lesson {copied.replaced.number}, which was as it came.")
    print(f"Its page: {lesson.page}")
    return 0


def _diff(lesson: Lesson, folder: Path) -> int:
    lines = list(differences(lesson, folder))
    print("\n".join(lines) or f"Your files are those of lesson {lesson.number}.")
    return 1 if lines else 0


def _check(lesson: Lesson, options: argparse.Namespace) -> int:
    # The other uses of the command need no WebSocket client.
    from .checking import check

    return check(lesson.number, options.folder, options.url, options.port)

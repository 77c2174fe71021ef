"""Check the reader's running app against a lesson, and print hints."""

import sys
from collections.abc import Sequence
from pathlib import Path

from websockets.exceptions import ConnectionClosed

from .checks import CHECKS, Check
from .running import App, Missing


def check(number: int, folder: Path, url: str | None, port: int) -> int:
    """Run the checks of a lesson; return the exit status.

    Args:
        number: the lesson.
        folder: the folder of the app.
        url: the address of the app; None: that of the local gateway at the port.
        port: the port of the local gateway.
    """
    app = App(url or f"ws://127.0.0.1:{port}/api", folder)
    hints = run(CHECKS[number], app)
    if hints:
        print(f"Lesson {number}: {len(hints)} of {len(CHECKS[number])} things are missing.")
    else:
        print(f"Lesson {number} is done.")
    return 1 if hints else 0


def run(checks: Sequence[Check], app: App) -> list[str]:
    """Run checks, print the result of each, and return the hints of those that fail."""
    hints = []
    for each in checks:
        name = (each.__doc__ or "").rstrip(".")
        try:
            each(app)
        except Missing as missing:
            hints.append(str(missing))
            print(f"missing  {name}\n         hint: {missing}")
        except ConnectionClosed as closed:
            hints.append(str(closed))
            print(f"missing  {name}\n         hint: keep the connection open (got {closed})")
        else:
            print(f"ok       {name}")
        sys.stdout.flush()
    return hints

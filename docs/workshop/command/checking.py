"""Check the reader's running app against a lesson, and print hints."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from websockets.exceptions import ConnectionClosed

from .checks import CHECKS, Check
from .lessons import LessonError
from .running import ANSWER_SECONDS, App, Missing, Refused

# The checks of these connect with a token.
SIGN_IN = {10}


def check(number: int, folder: Path, url: str | None, port: int) -> int:
    """Run the checks of a lesson; return the exit status.

    Args:
        number: the lesson.
        folder: the folder of the app.
        url: the address of the app; None: that of the local gateway at the port.
        port: the port of the local gateway.

    Raises:
        LessonError: no app runs there, or the one of another folder.
    """
    app = App(url or f"ws://127.0.0.1:{port}/api", folder)
    if url is None and (served := served_folder(port)) and not _is_same(served, folder):
        use = f"end that gateway, or use another port, or check {served}"
        raise LessonError(f"the gateway at port {port} serves another folder (got {served}); {use}")
    try:
        # The checks of files say nothing about an app that nobody can reach.
        with app.client():
            pass
    except Refused as refused:
        if number not in SIGN_IN:
            print(f"missing  A client can connect\n         hint: {refused}")
            print(f"Lesson {number}: the other things are checked once a client can connect.")
            return 1
    hints = run(CHECKS[number], app)
    if hints:
        print(f"Lesson {number}: {len(hints)} of {len(CHECKS[number])} things are missing.")
    else:
        print(f"Lesson {number} is done.")
    return 1 if hints else 0


def served_folder(port: int) -> Path | None:
    """Return the folder that the local gateway at a port serves; None: it does not say."""
    # A proxy cannot reach this machine.
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}/.chalice-ws", timeout=ANSWER_SECONDS) as answer:
            return Path(json.load(answer)["folder"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_same(served: Path, folder: Path) -> bool:
    """Return whether two paths name one folder, in upper or lower case on some systems."""
    try:
        return served.samefile(folder)
    except OSError:
        return False


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

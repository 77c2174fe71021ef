"""The versions of Python that Lambda has, and the dates on which it deprecates and ends them."""

import sys
from datetime import date
from typing import NamedTuple

from botocore.loaders import Loader


class Dates(NamedTuple):
    """The dates of a runtime.

    Args:
        deprecated: Lambda no longer patches the runtime.
        creation_ends: Lambda creates no more functions with it.
        update_ends: Lambda no longer updates the functions that use it.
    """

    deprecated: date
    creation_ends: date
    update_ends: date


# https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtimes.html
DATES = {
    "python3.9": Dates(date(2025, 12, 15), date(2027, 2, 1), date(2027, 3, 3)),
    "python3.10": Dates(date(2026, 10, 31), date(2027, 2, 1), date(2027, 3, 3)),
    "python3.11": Dates(date(2027, 6, 30), date(2027, 7, 31), date(2027, 8, 31)),
    "python3.12": Dates(date(2028, 10, 31), date(2028, 11, 30), date(2029, 1, 10)),
    "python3.13": Dates(date(2029, 6, 30), date(2029, 7, 31), date(2029, 8, 31)),
    "python3.14": Dates(date(2029, 6, 30), date(2029, 7, 31), date(2029, 8, 31)),
}


class PythonCheck(NamedTuple):
    """The result of a check of this Python.

    Args:
        message: one line, or empty.
        is_refused: Lambda refuses new functions with it.
        is_update_refused: Lambda also refuses to update functions that exist.
    """

    message: str = ""
    is_refused: bool = False
    is_update_refused: bool = False


def check_python(today: date | None = None) -> PythonCheck:
    """Check whether Lambda runs functions with this Python.

    Chalice deploys for the version that it runs with. For a version that it does not know, it
    deploys for another one.
    """
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    name, today = f"python{version}", today or date.today()
    known = _runtimes()
    if name not in known:
        newest = known[-1].removeprefix("python")
        problem = f"Lambda has no Python {version}, as far as the installed boto3 knows"
        return PythonCheck(f"{problem} (got {sys.executable}); use {newest} or older", True, True)
    if name not in DATES or today < DATES[name].deprecated:
        return PythonCheck()
    dates = DATES[name]
    use = [each for each in DATES if DATES[each].deprecated > today]
    newest = (use or known)[-1]
    other = newest.removeprefix("python")
    advice = f"use {other}: delete .venv, then run make install PYTHON={newest}"
    if today < dates.creation_ends:
        problem = f"Lambda has deprecated Python {version}, and takes no new functions with it"
        return PythonCheck(f"{problem} from {dates.creation_ends} (got {sys.executable}); {advice}")
    problem = f"Lambda takes no new functions with Python {version} (got {sys.executable})"
    return PythonCheck(f"{problem}; {advice}", True, today >= dates.update_ends)


def _runtimes() -> list[str]:
    """Return Lambda's runtimes of Python, oldest first, as the installed boto3 knows them."""
    model = Loader().load_service_model("lambda", "service-2")
    names = [name for name in model["shapes"]["Runtime"]["enum"] if name.startswith("python3.")]
    return sorted(names, key=lambda name: int(name.partition(".")[2]))

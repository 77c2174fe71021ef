"""The check of the Python version: Lambda must have it, and still take functions with it."""

import importlib
import re
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RAW

LATER = date(2026, 11, 28)


@pytest.fixture
def python_version(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module of the check."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(RAW)
    return importlib.import_module("chalice_ws.project.check.python_version")


@pytest.mark.parametrize(
    ("version", "today", "message", "refusals"),
    [
        ((3, 10), date(2026, 10, 30), "", (False, False)),
        (
            (3, 10),
            LATER,
            r"deprecated Python 3\.10, .* from 2027-02-01 .*; use 3\.14",
            (False,) * 2,
        ),
        ((3, 10), date(2027, 2, 1), r"no new functions with Python 3\.10 .*; use ", (True, False)),
        ((3, 10), date(2027, 3, 3), r"no new functions with Python 3\.10 .*; use ", (True, True)),
        ((3, 11), LATER, "", (False, False)),
        ((3, 14), LATER, "", (False, False)),
        ((3, 99), LATER, r"no Python 3\.99, .*; use 3\.\d+ or older", (True, True)),
        ((3, 5), LATER, r"no Python 3\.5, .*; use 3\.\d+ or older", (True, True)),
    ],
)
def test_python_is_compared_with_lambdas_dates(
    python_version: Any,
    monkeypatch: pytest.MonkeyPatch,
    version: tuple[int, int],
    today: date,
    message: str,
    refusals: tuple[bool, bool],
) -> None:
    monkeypatch.setattr(sys, "version_info", (*version, 0, "final", 0))
    found = python_version.check_python(today)
    assert (found.is_refused, found.is_update_refused) == refusals
    assert bool(found.message) is bool(message)
    assert re.search(message, found.message)


def test_dates_are_those_of_runtimes_that_boto3_knows(python_version: Any) -> None:
    assert set(python_version.DATES) <= set(python_version._runtimes())
    for dates in python_version.DATES.values():
        assert list(dates) == sorted(dates)


def test_check_with_python_that_lambda_lacks_fails_in_one_line(app: Path) -> None:
    script = (
        "import sys; from chalice_ws.project.check.command import main; "
        "sys.version_info = (3, 99, 0, 'final', 0); sys.exit(main([]))"
    )
    done = subprocess.run(
        [sys.executable, "-B", "-c", script], cwd=app, capture_output=True, text=True
    )
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: Lambda has no Python 3.99")

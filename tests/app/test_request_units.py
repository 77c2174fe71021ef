"""The request units of the app's table, and of that of Chalice's own chat tutorial."""

import json
import os
import re
import subprocess
import sys
from math import ceil
from pathlib import Path

import pytest

from tests.app.request_units import size
from tests.conftest import ROOT

MEMBERS = 100

pytestmark = pytest.mark.full

# Read units and write units by step.
Units = dict[str, tuple[float, float]]


@pytest.fixture(scope="module")
def ours(app: Path) -> Units:
    """The units of the requests that the app makes."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    result = subprocess.run(
        [sys.executable, "-B", str(ROOT / "tests" / "app" / "request_units.py")],
        cwd=app,
        env={**clean, "PYTHONPATH": str(app)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    steps = json.loads(result.stdout)
    return {name: (reads, writes) for name, (reads, writes) in steps.items()}


@pytest.fixture(scope="module")
def tutorials() -> Units:
    """The units of the requests that the tutorial describes.

    https://github.com/aws/chalice/blob/master/docs/source/tutorials/wschat.rst

    A connection's name and its room are a row each. The partition key is the connection id, the
    sort key the name or the room. An index has the keys exchanged, so that each write counts
    twice. Every message first queries the sender's rows. No read is consistent.
    """
    connection_id = "PJqB0fHsqRcCHlw="
    row = size({"PK": {"S": connection_id}, "SK": {"S": "room_tea"}})

    def query(rows: int) -> float:
        return max(1, ceil(rows * row / 4096)) * 0.5

    own, room, write = query(2), query(MEMBERS), 2
    return {
        "connect": (0, write),
        # The name is in the key: the old row is deleted, and a new one is written.
        "name": (own, 2 * write),
        # The room gets a message.
        "join": (own + room, write),
        "broadcast": (own + room, 0),
        # The rows of each member are read by themselves.
        "who": (own + room + MEMBERS * own, 0),
        # The room gets no message.
        "disconnect": (own, 2 * write),
    }


def conversation(units: Units, broadcasts: int = 10) -> tuple[float, float]:
    """Return the units of a connect, a join, broadcasts and a disconnect."""
    steps = ["connect", "join", *["broadcast"] * broadcasts, "disconnect"]
    reads, writes = zip(*(units[step] for step in steps), strict=True)
    return sum(reads), sum(writes)


def test_units_of_each_step_are_those_of_the_page(ours: Units, app: Path) -> None:
    page = (app / "docs" / "scale.md").read_text()
    for step, (reads, writes) in ours.items():
        assert re.search(rf"^\| {step} \| {reads:g} \| {writes:g} \|", page, re.M), (
            step,
            reads,
            writes,
        )


def test_comparison_is_as_published(ours: Units, tutorials: Units) -> None:
    page = (ROOT / "benchmarks" / "README.md").read_text()
    steps = [*tutorials, "together"]
    mine = {**ours, "together": conversation(ours)}
    theirs = {**tutorials, "together": conversation(tutorials)}
    for step in steps:
        joined = " | ".join(f"{units:g}" for each in (mine, theirs) for units in each[step])
        assert re.search(rf"^\| {step}\b.* \| {joined} \|", page, re.M), (step, joined)


def test_units_with_sign_in_are_as_published(ours: Units) -> None:
    page = (ROOT / "benchmarks" / "README.md").read_text().partition("### With sign-in")[2]
    steps = {name: f"{name}, signed in" for name in ("connect", "join", "broadcast", "disconnect")}
    steps["notify"] = "notify of a user"
    for guest, user in steps.items():
        joined = " | ".join(f"{units:g}" for name in (guest, user) for units in ours[name])
        assert f"| {guest} | {joined} |" in page, (guest, joined)

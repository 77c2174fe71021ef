"""What the table costs, by AWS's rules, and what that of Chalice's own chat tutorial would."""

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
Units = dict[str, tuple[float, float]]  # reads and writes by step


@pytest.fixture(scope="module")
def ours(app: Path) -> Units:
    """Measured on the requests that the app makes."""
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
    """Reckoned from what the tutorial says it asks of its table.

    https://github.com/aws/chalice/blob/master/docs/source/tutorials/wschat.rst

    A connection's name and its room are a row each: the connection id is the partition key, what
    the row says the sort key, and an index has the two the other way round, so that a row written
    is two. Every message first queries the sender's rows; no read is consistent.
    """
    connection_id = "PJqB0fHsqRcCHlw="
    row = size({"PK": {"S": connection_id}, "SK": {"S": "room_tea"}})

    def query(rows: int) -> float:
        return max(1, ceil(rows * row / 4096)) * 0.5

    own, room, write = query(2), query(MEMBERS), 2
    return {
        "connect": (0, write),
        "name": (own, 2 * write),  # the name is in the key: one row goes, another comes
        "join": (own + room, write),  # the room is told
        "broadcast": (own + room, 0),
        "who": (own + room + MEMBERS * own, 0),  # the rows of one member after the other
        "disconnect": (own, 2 * write),  # the room is not told
    }


def whole(units: Units, broadcasts: int = 10) -> tuple[float, float]:
    """Connect, join, so many broadcasts, disconnect."""
    steps = ["connect", "join", *["broadcast"] * broadcasts, "disconnect"]
    reads, writes = zip(*(units[step] for step in steps), strict=True)
    return sum(reads), sum(writes)


def test_what_a_step_costs_is_what_the_page_says(ours: Units, app: Path) -> None:
    page = (app / "docs" / "scale.md").read_text()
    for step, (reads, writes) in ours.items():
        assert re.search(rf"^\| {step} \| {reads:g} \| {writes:g} \|", page, re.M), (
            step,
            reads,
            writes,
        )


def test_the_comparison_is_as_published(ours: Units, tutorials: Units) -> None:
    page = (ROOT / "benchmarks" / "README.md").read_text()
    steps = [*tutorials, "together"]
    mine = {**ours, "together": whole(ours)}
    theirs = {**tutorials, "together": whole(tutorials)}
    for step in steps:
        joined = " | ".join(f"{units:g}" for each in (mine, theirs) for units in each[step])
        assert re.search(rf"^\| {step}\b.* \| {joined} \|", page, re.M), (step, joined)

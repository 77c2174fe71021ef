"""Expressions of EventBridge's schedules."""

import asyncio
import importlib
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


@pytest.fixture(scope="module")
def schedules(app: Path) -> Iterator[Any]:
    """The module of a generated app."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(app))
        yield importlib.import_module("chalice_ws.local.triggers.schedules")
    for name in [name for name in sys.modules if name.partition(".")[0] == "chalice_ws"]:
        del sys.modules[name]


# The expected moments are EventBridge's own examples, and a calendar's.
@pytest.mark.parametrize(
    ("expression", "since", "moments"),
    [
        ("cron(0 10 * * ? *)", "2026-01-01 00:00", ["2026-01-01 10:00", "2026-01-02 10:00"]),
        ("cron(15 12 * * ? *)", "2026-01-01 13:00", ["2026-01-02 12:15"]),
        ("cron(0 18 ? * MON-FRI *)", "2026-01-02 00:00", ["2026-01-02 18:00", "2026-01-05 18:00"]),
        ("cron(0 8 1 * ? *)", "2026-01-01 09:00", ["2026-02-01 08:00", "2026-03-01 08:00"]),
        ("cron(0/15 * * * ? *)", "2026-01-01 00:01", ["2026-01-01 00:15", "2026-01-01 00:30"]),
        ("cron(0/10 * ? * MON-FRI *)", "2026-01-03 00:00", ["2026-01-05 00:00"]),
        ("cron(0/5 8-17 ? * MON-FRI *)", "2026-01-02 17:56", ["2026-01-05 08:00"]),
        ("cron(0/30 20-2 ? * MON-FRI *)", "2026-01-02 17:56", ["2026-01-02 20:00"]),
        ("cron(0 20-2 ? * MON-FRI *)", "2026-01-05 02:30", ["2026-01-05 20:00"]),
        ("cron(0 20-2 ? * MON-FRI *)", "2026-01-05 23:30", ["2026-01-06 00:00"]),
        ("cron(30 0 1 1,7 ? *)", "2026-01-02 00:00", ["2026-07-01 00:30", "2027-01-01 00:30"]),
        ("cron(0 0 L * ? *)", "2028-02-01 00:00", ["2028-02-29 00:00", "2028-03-31 00:00"]),
        # 2026-02-01 and 2026-03-01 are Sundays.
        ("cron(0 0 1W * ? *)", "2026-02-01 00:00", ["2026-02-02 00:00", "2026-03-02 00:00"]),
        ("cron(0 0 LW * ? *)", "2026-01-15 00:00", ["2026-01-30 00:00", "2026-02-27 00:00"]),
        ("cron(0 0 ? * 3#2 *)", "2026-01-01 00:00", ["2026-01-13 00:00", "2026-02-10 00:00"]),
        ("cron(0 0 ? * FRIL *)", "2026-01-01 00:00", ["2026-01-30 00:00", "2026-02-27 00:00"]),
        ("cron(0 0 ? * 1 2027)", "2026-12-30 00:00", ["2027-01-03 00:00"]),
        ("cron(0 0 ? * L *)", "2026-01-01 00:00", ["2026-01-03 00:00", "2026-01-10 00:00"]),
    ],
)
def test_cron_runs_at_its_times(
    schedules: Any, expression: str, since: str, moments: list[str]
) -> None:
    cron, moment = schedules.parse(expression), datetime.fromisoformat(since)
    found: list[str] = []
    while len(found) < len(moments):
        if cron.matches(moment):
            found.append(moment.isoformat(" ", "minutes"))
        moment += timedelta(minutes=1)
    assert found == moments


@pytest.mark.parametrize(
    ("expression", "seconds"),
    [
        ("rate(1 minute)", 60),
        ("rate(5 minutes)", 300),
        ("rate(2 hours)", 7200),
        ("rate(1 day)", 86400),
    ],
)
def test_rate_is_in_seconds(schedules: Any, expression: str, seconds: int) -> None:
    assert schedules.parse(expression) == seconds


@pytest.mark.parametrize(
    ("expression", "seconds"), [("rate(2 hours)", 7200), ("cron(* * * * ? *)", 60)]
)
def test_function_runs_at_each_end_of_the_wait(
    schedules: Any, monkeypatch: pytest.MonkeyPatch, expression: str, seconds: int
) -> None:
    waits: list[float] = []
    events: list[tuple[str, str]] = []

    async def sleep(delay: float) -> None:
        waits.append(delay)
        if len(waits) > 3:
            raise asyncio.CancelledError

    async def invoke(name: str, event: Any) -> SimpleNamespace:
        events.append((name, event["detail-type"]))
        return SimpleNamespace(error=None)

    monkeypatch.setattr(schedules, "asyncio", SimpleNamespace(sleep=sleep))
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(schedules.run("tick", expression, SimpleNamespace(invoke=invoke)))
    assert events == [("tick", "Scheduled Event")] * 3
    assert all(0 <= each <= seconds for each in waits)
    assert expression != "rate(2 hours)" or waits == [seconds] * 4


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "every day",
        "rate(0 minutes)",
        "rate(1 minutes)",
        "rate(2 minute)",
        "rate(5 seconds)",
        "cron(* * * * *)",
        "cron(0 0 * * * *)",
        "cron(0 0 ? * ? *)",
        "cron(60 0 * * ? *)",
        "cron(0 24 * * ? *)",
        "cron(0 0 32 * ? *)",
        "cron(0 0 * 13 ? *)",
        "cron(0 0 * FOO ? *)",
        "cron(0 0 ? * 8 *)",
        "cron(0/0 0 * * ? *)",
        "cron(, 0 * * ? *)",
    ],
)
def test_wrong_expression_is_refused(schedules: Any, expression: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        schedules.parse(expression)

"""Schedules of EventBridge: functions run at their times."""

import asyncio
import logging
from datetime import datetime, timedelta, timezone

from chalice_ws.local.functions.workers import Lambda
from chalice_ws.local.triggers.sample_events import sample_event
from chalice_ws.project.schedule_expressions import Cron, parse

log = logging.getLogger("chalice_ws")


async def run(name: str, expression: str, functions: Lambda) -> None:
    """Invoke a function on its schedule, until cancelled."""
    try:
        schedule = parse(expression)
    except ValueError as error:
        log.error("%s: the schedule is not valid (got %r); %s", name, expression, error)
        return
    log.info("%s runs on its schedule, %s", name, expression)
    while True:
        await _wait(schedule)
        event = sample_event("schedule", expression)
        result = await functions.invoke(name, event)
        log.info("%-11s %s", name, "failed" if result.error else "ok")


async def _wait(schedule: Cron | int) -> None:
    if isinstance(schedule, int):
        await asyncio.sleep(schedule)
        return
    while True:
        now = datetime.now(timezone.utc)
        following = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
        await asyncio.sleep((following - now).total_seconds())
        if schedule.matches(following):
            return

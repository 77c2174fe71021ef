"""Schedules of EventBridge: rate(...) and cron(...) expressions, in UTC.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
"""

import calendar
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

from chalice.app import ScheduledEventConfig, ScheduleExpression

UNITS = {"minute": 60, "hour": 3600, "day": 86400}

MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]

Days = Callable[[date], bool]


class Cron:
    """A cron(...) expression of six fields.

    Raises:
        ValueError: the expression is not valid.
    """

    def __init__(self, fields: str) -> None:
        parts = fields.split()
        if len(parts) != 6:
            raise ValueError(f"a cron expression has six fields (got {len(parts)})")
        minutes, hours, days, months, weekdays, years = parts
        if (days == "?") == (weekdays == "?"):
            raise ValueError("one of day-of-month and day-of-week must be ?")
        self._minutes = _values(minutes, 0, 59)
        self._hours = _values(hours, 0, 23)
        self._months = _values(months, 1, 12, MONTHS)
        self._years = _values(years, 1970, 2199)
        self._matches_day = _month_days(days) if weekdays == "?" else _weekdays(weekdays)

    def matches(self, moment: datetime) -> bool:
        """Return whether the schedule runs in this minute (UTC)."""
        return (
            moment.minute in self._minutes
            and moment.hour in self._hours
            and moment.month in self._months
            and moment.year in self._years
            and self._matches_day(moment.date())
        )


def expression_of(config: ScheduledEventConfig) -> str:
    """Return the expression of a function's schedule, which an app may also give as an object."""
    expression = config.schedule_expression
    if isinstance(expression, ScheduleExpression):
        return str(expression.to_string())
    return str(expression)


def parse(expression: str) -> Cron | int:
    """Return an expression as a Cron, or the seconds of a rate.

    Raises:
        ValueError: the expression is not valid.
    """
    if found := re.fullmatch(r"cron\((.*)\)", expression.strip()):
        return Cron(found[1])
    found = re.fullmatch(r"rate\((\d+) (minute|hour|day)(s?)\)", expression.strip())
    if not found or found[1] == "0" or (found[1] == "1") != (found[3] == ""):
        raise ValueError("use rate(5 minutes), rate(1 hour) or cron(0 12 * * ? *)")
    return int(found[1]) * UNITS[found[2]]


def _values(field: str, least: int, most: int, names: Sequence[str] = ()) -> set[int]:
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        first, _, last = span.partition("-")
        if span == "*":
            low, high = least, most
        else:
            low = _number(first, names)
            high = _number(last, names) if last else most if step else low
        interval = _number(step) if step else 1
        if not (least <= low <= most and least <= high <= most and interval):
            raise ValueError(f"{part} is not within {least}-{most}")
        # A range such as 20-2 goes on at the start.
        end = high if low <= high else high + most - least + 1
        found.update(
            (each - least) % (most - least + 1) + least for each in range(low, end + 1, interval)
        )
    return found


def _number(text: str, names: Sequence[str] = ()) -> int:
    # The names count from 1.
    if text.capitalize() in names:
        return names.index(text.capitalize()) + 1
    if not text.isdecimal():
        raise ValueError(f"{text or 'an empty field'} is not a number")
    return int(text)


def _month_days(field: str) -> Days:
    if field == "L":
        return lambda day: (day + timedelta(days=1)).day == 1
    if field.endswith("W"):
        number = 31 if field == "LW" else _number(field[:-1])
        return lambda day: day == _nearest_weekday(day, number)
    numbers = _values(field, 1, 31)
    return lambda day: day.day in numbers


def _weekdays(field: str) -> Days:
    number, _, nth = field.partition("#")
    if nth:
        weekday, week = _number(number, WEEKDAYS), _number(nth)
        return lambda day: _weekday(day) == weekday and (day.day - 1) // 7 + 1 == week
    if field.endswith("L"):
        weekday = _number(field[:-1], WEEKDAYS) if field != "L" else 7
        is_last = field != "L"
        return lambda day: (
            _weekday(day) == weekday
            and (not is_last or (day + timedelta(days=7)).month != day.month)
        )
    numbers = _values(field, 1, 7, WEEKDAYS)
    return lambda day: _weekday(day) in numbers


def _weekday(day: date) -> int:
    return day.isoweekday() % 7 + 1


def _nearest_weekday(month: date, number: int) -> date:
    # The Monday to Friday of the same month that is the nearest.
    last = calendar.monthrange(month.year, month.month)[1]
    day = month.replace(day=min(number, last))
    if day.isoweekday() == 6:
        return day - timedelta(days=1) if day.day > 1 else day + timedelta(days=2)
    if day.isoweekday() == 7:
        return day + timedelta(days=1) if day.day < last else day - timedelta(days=2)
    return day

"""Concurrent operations, run in each order that their requests to the table can have.

Strategy: each operation runs in a thread that waits before each of its requests. One thread runs at
a time. At each step a schedule chooses the next thread. The schedules are enumerated depth first:
the last choice that has an alternative is changed, and those after it begin anew. Where a test does
not run all examples, random schedules follow the first ones.
"""

import itertools
import random
from collections.abc import Callable, Iterator
from threading import Semaphore, Thread, current_thread
from typing import Any

from chalicelib.storage.rows import NotConnected
from chalicelib.storage.table import call
from tests.support.examples import times

# The schedules of one test, unless all examples run.
MAX_ENUMERATED = times(1_000_000, 6)
RANDOM_SCHEDULES = 4

# A function from the number of operations that can continue to the index of the next one.
Choose = Callable[[int], int]


def check_every_order(check: Callable[[Choose], None]) -> int:
    """Call `check` once for each schedule, and return the number of calls."""
    # The choices of the current schedule, each with the number of alternatives.
    trail: list[tuple[int, int]] = []
    for schedules in itertools.count(1):
        steps = itertools.count()

        def choose(ways: int, steps: Iterator[int] = steps) -> int:
            step = next(steps)
            if step == len(trail):
                trail.append((0, ways))
            return trail[step][0]

        check(choose)
        while trail and trail[-1][0] + 1 == trail[-1][1]:
            trail.pop()
        if not trail:
            return schedules
        if schedules == MAX_ENUMERATED:
            for seed in range(RANDOM_SCHEDULES):
                check(random.Random(seed).randrange)
            return schedules + RANDOM_SCHEDULES
        trail[-1] = (trail[-1][0] + 1, trail[-1][1])
    raise AssertionError("unreachable")


class Task(Thread):
    """A thread that runs an operation, and waits before each of its requests."""

    def __init__(self, operation: Callable[[], object]) -> None:
        super().__init__(daemon=True)
        self._operation = operation
        self._go, self._stopped = Semaphore(0), Semaphore(0)
        self.done = False
        self.error: Exception | None = None
        self.start()
        self._stopped.acquire()

    def run(self) -> None:
        try:
            self._operation()
        except NotConnected:
            # Most operations end so after a disconnect.
            pass
        except Exception as error:
            self.error = error
        self.done = True
        self._stopped.release()

    def wait_for_step(self) -> None:
        self._stopped.release()
        self._go.acquire()

    def step(self) -> None:
        self._go.release()
        self._stopped.acquire()


def call_in_schedule(operation: str, **request: Any) -> dict[str, Any]:
    """Call table.call when the schedule chooses this thread."""
    task = current_thread()
    if isinstance(task, Task):
        task.wait_for_step()
    return call(operation, **request)


def run_concurrently(operations: list[Callable[[], object]], choose: Choose) -> None:
    """Run operations one request at a time, in the order that the schedule chooses."""
    tasks = [Task(operation) for operation in operations]
    while unfinished := [task for task in tasks if not task.done]:
        unfinished[choose(len(unfinished))].step()
    for task in tasks:
        if task.error:
            raise task.error

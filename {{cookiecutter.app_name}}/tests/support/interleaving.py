"""Operations side by side: each order in which their requests to the table can meet."""

import itertools
from collections.abc import Callable, Iterator
from threading import Semaphore, Thread, current_thread
from typing import Any

from chalicelib.storage.connections import NotConnected
from chalicelib.storage.table import call

# Given in how many ways a schedule can go on, says in which it does.
Choose = Callable[[int], int]


def in_every_order(check: Callable[[Choose], None]) -> int:
    """Call `check` once for each schedule there is; return how many there were."""
    trail: list[tuple[int, int]] = []  # what was chosen, of how many
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
        trail[-1] = (trail[-1][0] + 1, trail[-1][1])
    raise AssertionError("unreachable")


class Task(Thread):
    """An operation that stands still before each of its requests."""

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
            pass  # a proper end of most operations
        except Exception as error:
            self.error = error
        self.done = True
        self._stopped.release()

    def stand_still(self) -> None:
        self._stopped.release()
        self._go.acquire()

    def step(self) -> None:
        self._go.release()
        self._stopped.acquire()


def in_turn(operation: str, **request: Any) -> dict[str, Any]:
    """table.call, at a time that the schedule says."""
    task = current_thread()
    if isinstance(task, Task):
        task.stand_still()
    return call(operation, **request)


def side_by_side(operations: list[Callable[[], object]], choose: Choose) -> None:
    """Run operations one request at a time, as the schedule says."""
    tasks = [Task(operation) for operation in operations]
    while waiting := [task for task in tasks if not task.done]:
        waiting[choose(len(waiting))].step()
    for task in tasks:
        if task.error:
            raise task.error

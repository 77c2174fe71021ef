"""The number of examples of a test with many: a part of them, or all where ALL_EXAMPLES is set.

The template's CI sets it. The engine's code rarely changes in an app.
"""

import os
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

ALL_EXAMPLES = bool(os.environ.get("ALL_EXAMPLES"))


def some(values: Sequence[T], size: int) -> Sequence[T]:
    """Return all values where ALL_EXAMPLES is set, or `size` of them, evenly spaced."""
    if ALL_EXAMPLES or len(values) <= size:
        return values
    return [values[index * (len(values) - 1) // (size - 1)] for index in range(size)]


def times(all_times: int, some_times: int) -> int:
    """Return a number of repetitions: the first where ALL_EXAMPLES is set, or else the second."""
    return all_times if ALL_EXAMPLES else some_times

"""The checks of each lesson. The first line of a check's docstring is what it prints."""

from collections.abc import Callable, Sequence

from ..running import App
from . import first

Check = Callable[[App], None]

CHECKS: dict[int, Sequence[Check]] = {
    1: [first.echo_text],
    2: [first.handle_three_events, first.echo_data, first.answer_bad_frames],
    3: [first.echo_data, first.count_people, first.keep_people_in_table],
}

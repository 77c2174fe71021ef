"""The message of an exception for the owner, who sees it as a client of the local gateway."""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

_APP = Path(__file__).parents[2]
_LIBRARY = Path(__file__).parents[1]
# The parts that the actions call. The fault is in the line that calls them.
_ENGINE = [_LIBRARY / each for each in ("protocol", "storage", "delivery", "sender", "identity")]
_SETTINGS = _LIBRARY / "settings.py"

_MAX_LENGTH = 500


def explain(error: BaseException, function: Callable[..., Any] | None) -> str:
    """Return what an exception says, and the line of the app that it is from.

    Args:
        function: the action. Its own line stands in where no line of the app failed.
    """
    text = " ".join(str(error).split())[:_MAX_LENGTH]
    frames = traceback.extract_tb(error.__traceback__)
    places = [(Path(each.filename), each.lineno) for each in frames if each.filename]
    if function is not None:
        code = function.__code__
        places.insert(0, (Path(code.co_filename), code.co_firstlineno))
    own = [
        f"{path.relative_to(_APP)}:{line}"
        for path, line in places
        if path.is_relative_to(_APP)
        and not any(path.is_relative_to(each) for each in _ENGINE)
        and "site-packages" not in path.parts
    ]
    place = own[-1] if own else "chalicelib"
    if places and places[-1][0] == _SETTINGS:
        place = ".chalice/config.json"
    return f"correct {place}: {type(error).__name__}: {text} (AWS sends no details)"

"""The message of an exception for the owner, who sees it as a client of the local gateway."""

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

_APP = Path(__file__).parents[2]
_PROTOCOL = Path(__file__).parent

_MAX_LENGTH = 500


def explain(error: Exception, function: Callable[..., Any] | None) -> str:
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
        and not path.is_relative_to(_PROTOCOL)
        and "site-packages" not in path.parts
    ]
    place = own[-1] if own else "chalicelib"
    return f"correct {place}: {type(error).__name__}: {text} (AWS sends no details)"

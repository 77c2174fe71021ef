"""The actions of a generated app, and WS_ACTIONS, which switches them on."""

import sys
from collections.abc import Collection, Iterable, Iterator
from difflib import get_close_matches

# Each generated app has all of them. Its kind decides which of them WS_ACTIONS switches on.
GENERATED = {
    *("broadcast", "channels", "echo", "help", "history"),
    *("join", "leave", "name", "read", "who"),
}


def registered_actions() -> set[str]:
    """Return the names of the actions that the imported app registers in chalicelib/actions.py."""
    router = getattr(sys.modules.get("chalicelib.actions"), "router", None)
    return set(getattr(router, "actions", ()))


def split_names(value: str) -> list[str]:
    """Return the names in a value of WS_ACTIONS."""
    return [name.strip() for name in value.split(",")]


def find_unknown(names: Iterable[str], actions: Collection[str]) -> Iterator[str]:
    """Yield a line for each name of WS_ACTIONS that no action has."""
    for name in dict.fromkeys(names):
        if name not in actions:
            use = get_close_matches(name, list(actions), 1, 0.7) or ["some of", *sorted(actions)]
            text = f"{use[0]} {', '.join(use[1:])}".strip()
            yield f"WS_ACTIONS has an unknown action (got {name!r}); use {text}"

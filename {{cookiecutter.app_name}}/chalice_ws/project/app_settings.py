"""The settings of a generated app: the environment variables that chalicelib/settings.py reads."""

import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from chalice_ws.project.actions import find_unknown
from chalice_ws.project.tables import find_unknown_table

# The functions that read a variable, by its name.
Readers = Mapping[str, Callable[[], Any]]


def setting_readers() -> Readers:
    """Return the imported app's functions that read an environment variable, by its name.

    An app that is not from the template has none.
    """
    readers: Readers = getattr(sys.modules.get("chalicelib.settings"), "READERS", {})
    return readers


def find_misspelt(names: Iterable[str], known: Collection[str]) -> Iterator[str]:
    """Yield the environment variables that are no setting of the app, and almost one."""
    for name in sorted({*names} - {*known}):
        for likely in get_close_matches(name, known, 1, 0.8):
            yield f"the app does not read {name}; use {likely}"


def find_invalid(
    readers: Readers, actions: Collection[str], tables: list[dict[str, Any]]
) -> Iterator[str]:
    """Yield the settings of this process's environment that the app would refuse.

    Args:
        readers: those of the settings to read.
        actions: the names of the app's actions.
        tables: the tables of the resource files.
    """
    for name, read in readers.items():
        try:
            value = read()
        except ValueError as error:
            yield str(error)
            continue
        if name == "WS_ACTIONS":
            yield from find_unknown(value, actions)
        if name == "CONNECTIONS_TABLE" and (line := find_unknown_table(value, tables)):
            yield line

"""Load an app again after each change of its files."""

import asyncio
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from chalice_ws.local.functions.workers import Workers
from chalice_ws.local.overview import Overview
from chalice_ws.project.config import AppError

log = logging.getLogger("chalice_ws")

INTERVAL_SECONDS = 0.3

# The pause before an app with a missing package is loaded again.
RETRY_SECONDS = 3

# The modification time of each file, in ns.
FileTimes = dict[Path, int]


async def load_when_correct(functions: Workers, project: Path, loaded: FileTimes) -> FileTimes:
    """Load the app; where that fails, wait for the next change of its files, and try again.

    Where a package is missing, also try again after some seconds: it may be installed by then.

    Returns:
        The times of the files that are loaded.
    """
    told = ""
    while True:
        try:
            await functions.load()
            return loaded
        except AppError as error:
            problem = str(error)
        if problem != told:
            print(f"error: {problem}", file=sys.stderr)
            print("Waiting for a change of the app. Press Ctrl-C to stop.")
            told = problem
        change = asyncio.create_task(wait_for_change(project, loaded))
        limit_seconds = RETRY_SECONDS if ModuleNotFoundError.__name__ in problem else None
        await asyncio.wait({change}, timeout=limit_seconds)
        if change.done():
            loaded, told = change.result(), ""
        change.cancel()


async def reload_on_change(
    functions: Workers, project: Path, loaded: FileTimes, overview: Overview
) -> None:
    """Load the app again after each change of its files, until cancelled.

    Args:
        functions: what loads the app.
        project: the app's folder.
        loaded: the times of the files that are loaded. Later changes count.
        overview: what to start and to print for functions that are new.
    """
    while True:
        loaded = await wait_for_change(project, loaded)
        try:
            await functions.load()
            log.info("the app has changed and is loaded again")
            for line in overview.start_triggers_and_describe():
                log.info(line)
        except AppError as problem:
            log.error("%s; the previous code stays in use", problem)


async def wait_for_change(project: Path, since: FileTimes) -> FileTimes:
    """Wait until the app's files differ from `since`; return their times."""
    while (now := file_times(project)) == since:
        await asyncio.sleep(INTERVAL_SECONDS)
    return now


def file_times(project: Path) -> FileTimes:
    """Return the times of app.py, of the files in chalicelib/, and of .chalice/config.json."""
    times = {}
    for path in _files(project):
        try:
            times[path] = path.stat().st_mtime_ns
        except OSError:
            # An editor is replacing it or its folder, or it is a link to itself.
            continue
    return times


def _files(project: Path) -> Iterator[Path]:
    yield project / "app.py"
    yield project / ".chalice" / "config.json"
    # Path.rglob would raise an error for a folder that vanishes during the search.
    for folder, folders, names in os.walk(project / "chalicelib"):
        folders[:] = [name for name in folders if name != "__pycache__"]
        for name in names:
            yield Path(folder, name)

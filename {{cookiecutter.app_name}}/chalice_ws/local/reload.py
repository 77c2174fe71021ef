"""The times of an app's files, and a wait for their change."""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

INTERVAL_SECONDS = 0.3

# The modification time of each file, in ns.
FileTimes = dict[Path, int]


async def wait_for_change(project: Path, since: FileTimes) -> FileTimes:
    """Wait until the app's files differ from `since`; return their times."""
    while (now := file_times(project)) == since:
        await asyncio.sleep(INTERVAL_SECONDS)
    return now


def file_times(project: Path) -> FileTimes:
    """Return the times of the files that are deployed, and of the settings."""
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

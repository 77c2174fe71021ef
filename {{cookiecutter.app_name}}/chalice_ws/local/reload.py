"""Notices when a file of the app is saved."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

INTERVAL = 0.3

Times = dict[Path, int]


async def change(project: Path, since: Times) -> Times:
    """Wait until a file that is deployed, or the settings, differ from what they were."""
    while (now := times(project)) == since:
        await asyncio.sleep(INTERVAL)
    return now


def times(project: Path) -> Times:
    """When each of those files was saved."""
    times = {}
    for path in _files(project):
        try:
            times[path] = path.stat().st_mtime_ns
        except FileNotFoundError:  # an editor is replacing it
            continue
    return times


def _files(project: Path) -> Iterator[Path]:
    yield project / "app.py"
    yield project / ".chalice" / "config.json"
    for path in (project / "chalicelib").rglob("*"):
        if "__pycache__" not in path.parts and path.is_file():
            yield path

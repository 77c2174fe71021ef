"""Notices when a file of the app is saved."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

INTERVAL = 0.3


async def changes(project: Path) -> None:
    """Wait until a file that is deployed, or the settings, have changed."""
    before = _times(project)
    while _times(project) == before:
        await asyncio.sleep(INTERVAL)


def _times(project: Path) -> dict[Path, int]:
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

"""Load an app again after each change of its files.

Strategy: the times of all files are compared at intervals, since each operating system reports
changes in another way. An app consists of app.py, chalicelib/, vendor/, the other modules that it
has loaded, and its settings. The gateway reads the resource files and some settings at its start
alone. After a change of these it prints a line.
"""

import asyncio
import logging
import os
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from chalice.config import Config

from chalice_ws.local.definitions import LOCAL_VALUES
from chalice_ws.local.functions.workers import Workers
from chalice_ws.local.overview import Overview
from chalice_ws.project.config import CONFIG, AppError, read_config, shown
from chalice_ws.project.yaml_files import SUFFIXES

log = logging.getLogger("chalice_ws")

INTERVAL_SECONDS = 0.3

# The pause between two searches, as a multiple of the time that one takes.
INTERVAL_FACTOR = 10

# The pause before an app with a missing package is loaded again.
RETRY_SECONDS = 3

# Folders of which all files belong to the app.
FOLDERS = ("chalicelib", "vendor")

# The settings that are used at the start alone.
START_SETTINGS = ("app_name", "api_gateway_stage", "minimum_compression_size")

# The time of the last change in ns, and the size, of each file.
FileTimes = dict[Path, tuple[int, int]]


class Files:
    """The files of an app, and what has changed.

    Args:
        config: the settings of the stage, as they are at the start.
        given: resource files of other names.
    """

    def __init__(self, config: Config, given: Iterable[Path] = ()) -> None:
        self._config = config
        self._project = Path(config.project_dir)
        own = [f"resources{suffix}" for suffix in (".json", *SUFFIXES)]
        own += ["resources/scale.json", LOCAL_VALUES]
        self._start_files = [*(self._project / name for name in own), *given]
        self._start_times = read_times(self._start_files)
        self._modules: set[Path] = set()
        self._loaded_times = file_times(self._project)

    def add_modules(self, paths: Iterable[str]) -> None:
        """Watch further modules, which the app has loaded from its folder."""
        new = set(map(Path, paths)) - self._modules
        self._modules |= new
        self._loaded_times = {**read_times(new), **self._loaded_times}

    async def wait_for_change(self) -> None:
        """Wait until the app's files differ from those after the last call."""
        while True:
            started = time.perf_counter()
            now = {**file_times(self._project), **read_times(self._modules)}
            if now != self._loaded_times:
                self._loaded_times = now
                return
            self._tell_of_start_files()
            took_seconds = time.perf_counter() - started
            await asyncio.sleep(max(INTERVAL_SECONDS, INTERVAL_FACTOR * took_seconds))

    def _tell_of_start_files(self) -> None:
        before, self._start_times = self._start_times, read_times(self._start_files)
        for path in self._start_files:
            if before.get(path) != self._start_times.get(path):
                log.warning("%s has changed; restart to use it", shown(path))

    def tell_of_start_settings(self) -> None:
        """Print a line for each changed setting that is used at the start alone."""
        before, self._config = self._config, read_config(self._project, self._config.chalice_stage)
        for name in START_SETTINGS:
            if getattr(before, name) != getattr(self._config, name):
                log.warning("%s in %s has changed; restart to use it", name, CONFIG)


async def load_when_correct(functions: Workers, files: Files) -> None:
    """Load the app; where that fails, wait for the next change of its files, and try again.

    Where a package is missing, also try again after some seconds: it may be installed by then.
    """
    told = ""
    while True:
        try:
            await functions.load()
            files.add_modules(functions.modules)
            return
        except AppError as error:
            problem = str(error)
        if problem != told:
            print(f"error: {problem}", file=sys.stderr)
            print("Waiting for a change of the app. Press Ctrl-C to stop.")
            told = problem
        change = asyncio.create_task(files.wait_for_change())
        limit_seconds = RETRY_SECONDS if ModuleNotFoundError.__name__ in problem else None
        await asyncio.wait({change}, timeout=limit_seconds)
        if change.done():
            told = ""
        change.cancel()


async def reload_on_change(functions: Workers, files: Files, overview: Overview) -> None:
    """Load the app again after each change of its files, until cancelled.

    Args:
        functions: what loads the app.
        files: the app's files.
        overview: what to start and to print for functions that are new.
    """
    while True:
        await files.wait_for_change()
        try:
            await functions.load()
            files.add_modules(functions.modules)
            log.info("the app has changed and is loaded again")
            files.tell_of_start_settings()
            for line in overview.start_triggers_and_describe():
                log.info(line)
        except AppError as problem:
            log.error("%s; the previous code stays in use", problem)


def file_times(project: Path) -> FileTimes:
    """Return the times of app.py, of the files in FOLDERS, and of .chalice/config.json."""
    return read_times(_files(project))


def read_times(paths: Iterable[Path]) -> FileTimes:
    """Return the times of the files that exist."""
    times = {}
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            # An editor is replacing it or its folder, or it is a link to itself.
            continue
        times[path] = status.st_mtime_ns, status.st_size
    return times


def _files(project: Path) -> Iterator[Path]:
    yield project / "app.py"
    yield project / CONFIG
    for name in FOLDERS:
        # Path.rglob would raise an error for a folder that vanishes during the search.
        for folder, folders, names in os.walk(project / name):
            folders[:] = [each for each in folders if each != "__pycache__"]
            for each in names:
                yield Path(folder, each)

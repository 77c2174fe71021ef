"""The Makefile of an app, which an app that is not from the template may not have."""

import os
import re
from pathlib import Path


def has_target(project: Path, name: str) -> bool:
    """Return whether the Makefile has a target."""
    return re.search(rf"(?m)^{name}:", _read(project)) is not None


def makefile_extras(project: Path, stage: str) -> list[str]:
    """Return the extras that the Makefile, or the command line of make, names for a stage."""
    name = f"EXTRAS_{stage}"
    found = re.search(rf"(?m)^{re.escape(name)} *[?:]*= *([^#\n]*)", _read(project))
    # make gives the variables of its command line to the processes that it starts.
    return os.environ.get(name, found[1] if found else "").split()


def _read(project: Path) -> str:
    path = project / "Makefile"
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""

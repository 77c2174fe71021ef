"""The commands of this package, as the owner of an app types them."""

from pathlib import Path

from chalice_ws.project.makefile import has_target


def command(name: str, stage: str) -> str:
    """Return the target of the app's Makefile, or the module's command where it has none."""
    if has_target(Path(), name):
        return f"make {name} STAGE={stage}"
    return f"python -m chalice_ws.deploy {name} --stage {stage}"

"""The commands of this package, as the owner of an app types them."""

import re
from pathlib import Path


def command(name: str, stage: str) -> str:
    """Return the target of the app's Makefile, or the module's command where it has none."""
    makefile = Path("Makefile")
    if makefile.is_file() and re.search(rf"(?m)^{name}:", makefile.read_text(errors="replace")):
        return f"make {name} STAGE={stage}"
    return f"python -m chalice_ws.deploy {name} --stage {stage}"

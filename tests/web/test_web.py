"""What the page is made of, without a browser."""

import subprocess
from pathlib import Path

from tests.conftest import RAW

WEB = RAW / "web"


def test_the_types_in_the_comments_hold(node: Path) -> None:
    """All modules but the page's own wiring, which nobody lifts out."""
    modules = [path for path in WEB.glob("*.js") if path.name != "app.js"]
    options = "--noEmit --allowJs --checkJs --strict --useUnknownInCatchVariables false"
    options += " --target es2022 --module es2022 --lib es2024,dom,dom.iterable"
    tsc = str(node / "typescript" / "bin" / "tsc")
    done = subprocess.run(
        ["node", tsc, *options.split(), *map(str, modules)], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")

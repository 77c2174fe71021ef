"""Tests of the page's modules without a browser."""

import re
import subprocess
from pathlib import Path

from tests.conftest import RAW

WEB = RAW / "web"

IMPORTED = re.compile(r"""\b(?:from|import)\s*\(?\s*["']([^"']+)["']""")


def test_client_imports_only_its_own_files() -> None:
    """Keep the promise of docs/page.md: web/client/ can be copied alone."""
    modules = {path.name: path.read_text() for path in (WEB / "client").glob("*.js")}
    imported = {name for text in modules.values() for name in IMPORTED.findall(text)}
    assert imported
    assert imported <= {f"./{name}" for name in modules}


def test_types_in_comments_are_correct(node: Path) -> None:
    modules = sorted(WEB.rglob("*.js"))
    assert modules
    options = "--noEmit --allowJs --checkJs --strict"
    options += " --target es2022 --module es2022 --lib es2024,dom,dom.iterable"
    tsc = str(node / "typescript" / "bin" / "tsc")
    done = subprocess.run(
        ["node", tsc, *options.split(), *map(str, modules)], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, "")

"""Measurements beside alternatives. README.md lists them."""

import subprocess
from pathlib import Path


def revision() -> str:
    """Return the commit that is measured, and whether files differ from it."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    # A benchmark writes its own page.
    changed = git("status", "--porcelain", "--", ":/", ":!*RESULTS.md")
    return f"commit {git('rev-parse', '--short=10', 'HEAD')}{' with changes' if changed else ''}"

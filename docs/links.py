"""List the outside links of the documents in docs/links.txt: `python -m docs.links`.

`make links` asks each address whether it is still there.
"""

import re
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
LIST = ROOT / "docs" / "links.txt"
TIMEOUT_SECONDS = 30

# Sites that answer scripts with these statuses, although the page is there.
TOLERATED_STATUSES = {403, 429}


def documents(root: Path) -> list[Path]:
    """Return the Markdown files that git has or would add."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"]
    listing = subprocess.run(command, cwd=root, capture_output=True, check=True, text=True)
    return sorted(root / name for name in listing.stdout.split("\0") if (root / name).is_file())


def targets(path: Path) -> Iterator[str]:
    """Yield the targets of a document's links and pictures, without those in code."""
    text = re.sub(r"^```.*?^```|^ {4}\S.*?$|`[^`\n]*`", "", path.read_text(), flags=re.M | re.S)
    yield from re.findall(r"\]\(([^)\s]+)\)", text)
    yield from re.findall(r'(?:src|srcset|href)="([^"]+)"', text)


def outside_links(root: Path) -> list[str]:
    """Return the addresses of other sites that the documents link to, each once."""
    found = {target for path in documents(root) for target in targets(path)}
    return sorted(target for target in found if target.startswith(("http:", "https:")))


def problem(address: str) -> str | None:
    """Return what is wrong with an address. None: a page is there."""
    request = urllib.request.Request(address, headers={"User-Agent": "Mozilla/5.0"})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS):
            return None
    except urllib.error.HTTPError as error:
        return None if error.code in TOLERATED_STATUSES else str(error)
    except OSError as error:
        return str(error)


def main(*arguments: str) -> int:
    """Write the list, or check it with the argument `check`. Return the exit status."""
    if arguments != ("check",):
        LIST.write_text("\n".join(outside_links(ROOT)) + "\n")
        return 0
    found = [(address, problem(address)) for address in LIST.read_text().split()]
    wrong = [(address, text) for address, text in found if text]
    for address, text in wrong:
        print(f"error: {address} is not there (got {text!r}); correct the link", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

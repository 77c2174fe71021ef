"""Make the README's pictures: `make pictures`, with `make demo` running in another terminal."""

import sys
import tempfile
from pathlib import Path

from tests.browser import Tab, chromium

TALK = [
    ("Ann", "Morning! Is the tea ready?"),
    ("Bob", "Two minutes. Green or black?"),
    ("Ann", "Green, please. And a <b>big</b> cup :)"),
    ("Bob", "On its way"),
]


def main(url: str) -> None:
    """Let two tabs of the app at `url` chat, and save what each shows."""
    with tempfile.TemporaryDirectory() as folder, chromium(Path(folder)) as driver:
        tabs = {name: Tab(driver, url, 900, 620) for name in ("Ann", "Bob")}
        for name, tab in tabs.items():
            tab.enter("#name-input", name)
            tab.enter("#channel-input", "tea")
            tab.wait_for("#title", "tea")
        for name, text in TALK:
            tabs[name].enter("#message-input", text)
            for tab in tabs.values():
                tab.wait_for(".message .data", text)
        for name, dark in (("Ann", False), ("Bob", True)):
            tabs[name].picture(Path(__file__).parent / f"{name.lower()}.png", dark)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Make the README's pictures: `make pictures`, with `make demo` running in another terminal.

pngquant makes them smaller, where it is installed. Fonts differ between machines: use Noto Sans.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.web.browser import Tab, chromium

TALK = [
    ("Ann", "tea", "Morning! Is the tea ready?"),
    ("Bob", "tea", "Two minutes. Green or black?"),
    ("Zoë", "tea", "Black for me. And where is the <b>big</b> cup?"),
    ("Ann", "tea", "Green, please. The big cup is mine :)"),
    ("Zoë", "cake", "There is cake too"),
    ("Bob", "tea", "On its way"),
]


def main(url: str) -> None:
    """Let three tabs of the app at `url` chat, and save what they show."""
    folder = Path(__file__).parent
    with tempfile.TemporaryDirectory() as profile, chromium(Path(profile)) as driver:
        tabs = {name: Tab(driver, url, 1280, 720) for name in ("Ann", "Bob", "Zoë")}
        for name, tab in tabs.items():
            tab.take_name(name)
            tab.join("cake")
            tab.join("tea")
        for name, channel, text in TALK:
            if channel != tabs[name].texts("#title")[0]:
                tabs[name].join(channel)
            tabs[name].say(text)
            tabs[name].wait_for("#messages .message.own .data", text)
            if channel == "tea":
                tabs["Ann"].wait_for("#messages .data", text)
        tabs["Ann"].wait_for("#channels .badge", "1 new")
        tabs["Ann"].click("#inspect")
        tabs["Bob"].resize(360, 720)
        pictures = []
        for name, screen in (("Ann", "chat"), ("Bob", "phone")):
            # Without the ring of the focus, and a line that says who types.
            tabs[name].run("document.activeElement.blur()")
            tabs[name].wait_for("#typing", "")
            for scheme in ("light", "dark"):
                pictures.append(folder / f"{screen}-{scheme}.png")
                tabs[name].picture(pictures[-1], scheme == "dark")
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "--force", "--ext=.png", "--strip", *pictures], check=True)


if __name__ == "__main__":
    main(*sys.argv[1:])

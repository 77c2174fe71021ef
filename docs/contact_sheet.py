"""The page in each kind and state, at five widths, light and dark: `make pictures`.

The pictures are in build/pictures/. index.html shows all, sheet-*.png those of a kind and scheme.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from html import escape
from pathlib import Path

from docs.pictures import ROOT, demo
from tests.local.gateway import Gateway
from tests.web.browser import Tab, chromium, wait_until

FOLDER = ROOT / "build" / "pictures"
SIZES = [(1440, 900), (1024, 768), (768, 1024), (390, 844), (320, 568)]
SCHEMES = ["light", "dark"]

TALK = [
    ("Bob", "Morning! Is the tea ready?"),
    ("Ann", "Two minutes. Green or black?"),
    ("Bob", "Black for me.\nAnd where is the <b>big</b> cup?"),
    ("Bob", "Found it: https://example.com/cups?size=big#mine"),
    ("Zoë", "שלום! 3 cups, please"),
    ("Zoë", "A" * 60 + " is a long word"),
    ("Ann", "On its way."),
    ("Ann", "There is cake too"),
]
NOTIFICATIONS = [
    {"title": "Order 17 has left", "text": "It comes on Tuesday.", "url": "https://example.com/17"},
    "The service was restarted.",
    {"title": "Build 512 failed", "text": "2 of 640 tests", "url": "https://example.com/512"},
    {"temperature": 71, "unit": "C"},
]

PAGE = """<!doctype html><meta charset="utf-8"><title>Pictures of the page</title>
<style>
  body {{ margin: 1rem; background: #777; color: #fff; font: 1rem system-ui }}
  section {{ margin-bottom: 1.5rem }}
  div {{ display: flex; align-items: flex-start; gap: 0.5rem }}
  img {{ height: {height}px }}
  h2 {{ margin: 0 0 0.5rem; font-size: 1rem }}
</style>
{rows}
"""

State = Callable[[Gateway, "Stage"], None]


class Stage:
    """The tabs of one app."""

    def __init__(self, open_tab: Callable[[], Tab]) -> None:
        self._open = open_tab
        self.tabs: dict[str, Tab] = {}
        self.tab = self.open("Ann")

    def open(self, name: str) -> Tab:
        """Return the tab of somebody, which is opened at first."""
        if name not in self.tabs:
            self.tabs[name] = self._open()
        return self.tabs[name]


def nothing(_gateway: Gateway, _stage: Stage) -> None:
    """Show the page as it opens."""


def talk(_gateway: Gateway, stage: Stage) -> None:
    """Let three people talk in a channel."""
    for name in ("Ann", "Bob", "Zoë"):
        tab = stage.open(name)
        tab.take_name(name)
        for channel in ("cake", "tea"):
            tab.join(channel)
    for name, text in TALK:
        stage.tabs[name].write(text)
        stage.tab.wait_for("#messages .message:not(.pending) .data", text)


def unread(_gateway: Gateway, stage: Stage) -> None:
    """Show new messages in another channel, and those of a channel that was not in view."""
    bob = stage.open("Bob")
    stage.tab.run("document.querySelector('#channels li button').click()")
    for number in range(3):
        bob.write(f"Cup {number} is ready")
    stage.tab.wait_for("#channels .badge", "3 new")
    stage.tab.run("document.querySelector('#channels li:last-child button').click()")
    bob.run("[...document.querySelectorAll('#channels li button')][1].click()")
    bob.write("Chocolate?")
    stage.tab.wait_for("#channels .badge", "1 new")


def frames(_gateway: Gateway, stage: Stage) -> None:
    """Open the frames."""
    stage.tab.run("document.querySelector('#inspect').click()")


def settings(_gateway: Gateway, stage: Stage) -> None:
    """Close the frames, and open the settings."""
    stage.tab.run("document.querySelector('#close-inspector').click()")
    stage.tab.run("document.querySelector('#profile').showPopover()")


def channels(_gateway: Gateway, stage: Stage) -> None:
    """Close the settings, and open the drawer of channels where it is one."""
    stage.tab.run("document.querySelector('#profile').hidePopover()")
    stage.tab.resize(320, 568)
    wait_until(lambda: stage.tab.visible("#open-channels"), lambda: "no button")
    stage.tab.click("#open-channels")


def question(_gateway: Gateway, stage: Stage) -> None:
    """Leave a channel with a draft."""
    stage.tab.draft("A draft\nof some\nlines")
    stage.tab.run("document.querySelector('#leave').click()")


def limit(_gateway: Gateway, stage: Stage) -> None:
    """Write too much."""
    stage.tab.run("document.querySelector('#dialog-no').click()")
    stage.tab.draft("word " * 850)


def offline(gateway: Gateway, stage: Stage) -> None:
    """Stop the server while a message is on its way."""
    stage.tab.draft("")
    os.killpg(gateway.pid, signal.SIGKILL)
    stage.tab.wait_for("#state-text", "Offline")
    if stage.tab.visible("#composer"):
        stage.tab.write("Is anybody there?")
    stage.tab.retry()
    stage.tab.retry()
    wait_until(lambda: "No server" in stage.tab.texts("#status")[0], lambda: "not explained")


def inbox(gateway: Gateway, stage: Stage) -> None:
    """Receive notifications, and read some."""
    for data in NOTIFICATIONS:
        gateway.invoke("notify", {"channel": "lobby", "data": data})
    stage.tab.shows(len(NOTIFICATIONS))
    stage.tab.run("document.querySelector('.is-unread:nth-child(2) .actions button').click()")
    stage.tab.join("orders")
    gateway.invoke("notify", {"channel": "orders", "data": NOTIFICATIONS[0]})
    stage.tab.run("document.querySelector('#all').click()")
    stage.tab.wait_for("#title", "All notifications")


def toast(gateway: Gateway, stage: Stage) -> None:
    """Receive a notification of a channel that is not in view."""
    stage.tab.run("document.querySelector('#channels li:last-child button').click()")
    # It stays as long as the pointer is on it.
    gateway.invoke("notify", {"channel": "lobby", "data": NOTIFICATIONS[2]})
    stage.tab.wait_for(".toast .data", "Build 512 failed")
    stage.tab.run("document.querySelector('.toast').dispatchEvent(new Event('pointerenter'))")


def echo(_gateway: Gateway, stage: Stage) -> None:
    """Let the server answer."""
    for text in ("Hello", "Hello again"):
        stage.tab.write(text)
        stage.tab.wait_for(".message.other .data", text)


STATES: dict[str, list[State]] = {
    "chat": [nothing, talk, unread, frames, settings, channels, question, limit, offline],
    "notifications": [nothing, inbox, toast, offline],
    "echo": [nothing, echo, offline],
}


def take_all(kind: str) -> None:
    """Take the pictures of one kind."""
    with demo(kind) as (driver, gateway):
        stage = Stage(lambda: Tab(driver, gateway.page, 1280, 800))
        for state in STATES[kind]:
            stage.tab.resize(1280, 800)
            state(gateway, stage)
            take(kind, state.__name__, stage.tab)


def take(kind: str, state: str, tab: Tab) -> None:
    """Take the pictures of one state."""
    # A drawer stays open while the screen grows.
    for width, height in reversed(SIZES):
        for scheme in SCHEMES:
            tab.resize(width, height)
            tab.picture(FOLDER / f"{kind}-{state}-{scheme}-{width}.png", scheme == "dark")


def rows(kind: str, scheme: str) -> str:
    """Return the HTML of the pictures of one kind and scheme."""
    sections = []
    for state in STATES[kind]:
        names = [f"{kind}-{state.__name__}-{scheme}-{width}.png" for width, _ in SIZES]
        pictures = "".join(f'<img src="{name}" alt="{name}">' for name in names)
        title = escape(f"{kind}: {state.__doc__}")
        sections.append(f"<section><h2>{title}</h2><div>{pictures}</div></section>")
    return "".join(sections)


def main() -> None:
    """Take all pictures, and make the sheets."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    for kind in STATES:
        take_all(kind)
    sheets = {f"sheet-{kind}-{scheme}": rows(kind, scheme) for kind in STATES for scheme in SCHEMES}
    with tempfile.TemporaryDirectory() as folder, chromium(Path(folder)) as driver:
        for name, content in sheets.items():
            page = FOLDER / f"{name}.html"
            page.write_text(PAGE.format(height=420, rows=content))
            driver.get(page.as_uri())
            size = {"width": 2150, "height": 10, "deviceScaleFactor": 1, "mobile": False}
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            size["height"] = driver.execute_script("return document.documentElement.scrollHeight")
            driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            driver.save_screenshot(str(page.with_suffix(".png")))
            page.unlink()
    (FOLDER / "index.html").write_text(PAGE.format(height=600, rows="".join(sheets.values())))


if __name__ == "__main__":
    main()

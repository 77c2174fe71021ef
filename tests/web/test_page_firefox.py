"""The page in Firefox: what browsers do differently."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.local.gateway import Gateway, serving
from tests.web.firefox import Page, firefox, missing

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(bool(missing()), reason=f"{missing()} is not installed"),
]

TAB = "\ue004"
ENTER = "\ue007"
ESCAPE = "\ue00c"

# The parts of the first visit, in the order in which they are read.
STOPS = [
    *(
        "skip",
        "inspect",
        "open-profile",
        "channel",
        "channel-input",
        "BUTTON",
        "messages",
        "second-tab",
    ),
    *("name-input", "primary", "not-now", "message-input", "primary", "members"),
]
FOCUSED = """(({id, className, tagName}) => id || className || tagName)(document.activeElement)"""


def focus(page: Page, part: str) -> None:
    """Move the focus to a part, as with many tabs."""
    page.run(f"document.querySelector('#{part}').focus()")


@contextmanager
def online(app: Path, tmp_path: Path) -> Iterator[tuple[Gateway, Page]]:
    """Serve an app, and open its page."""
    profile = tmp_path / "profile"
    profile.mkdir()
    with serving(app, app, tmp_path) as gateway, firefox(profile) as page:
        page.visit(gateway.page)
        page.wait_for("document.querySelector('#state').dataset.state === 'online'")
        yield gateway, page


def test_page_is_used_by_keyboard_in_firefox(app: Path, tmp_path: Path) -> None:
    with online(app, tmp_path) as (_, page):
        stops = []
        for _ in STOPS:
            page.press(TAB)
            stops.append(page.run(FOCUSED))
        assert stops == STOPS

        focus(page, "skip")
        page.press(ENTER)
        page.wait_for(f"{FOCUSED} === 'messages'")

        focus(page, "name-input")
        page.press(*"Ann", ENTER)
        page.wait_for(f"{FOCUSED} === 'message-input'")
        focus(page, "channel-input")
        page.press(*"tea", ENTER)
        page.wait_for("document.querySelector('#title').textContent === 'tea'")

        focus(page, "inspect")
        page.press(ENTER)
        page.wait_for(f"{FOCUSED} === 'close-inspector'")
        page.press(ESCAPE)
        page.wait_for(f"{FOCUSED} === 'inspect'")

        # The settings close when the focus leaves them.
        focus(page, "open-profile")
        page.press(ENTER, TAB, TAB, TAB)
        page.wait_for(f"{FOCUSED} === 'notify-me'")
        assert page.run("document.querySelector('#profile').matches(':popover-open')")
        page.press(TAB)
        page.wait_for("!document.querySelector('#profile').matches(':popover-open')")

        focus(page, "message-input")
        page.press(*"draft")
        focus(page, "leave")
        page.press(" ")
        page.wait_for(f"{FOCUSED} === 'dialog-no'")
        page.press(ESCAPE)
        page.wait_for(f"{FOCUSED} === 'leave'")
        page.press(" ", TAB, ENTER)
        page.wait_for("document.querySelector('#title').textContent === 'lobby'")
        assert page.errors == []


def test_chat_works_in_firefox(app: Path, tmp_path: Path) -> None:
    with online(app, tmp_path) as (gateway, page):
        page.run("document.querySelector('#not-now').click()")
        page.press(*"tea", ENTER)
        page.wait_for("document.querySelector('.own .receipt')?.textContent === 'Delivered'")
        # A reload shows it again.
        page.visit(gateway.page)
        page.wait_for("document.querySelector('.own .data')?.textContent === 'tea'")

        # The field grows with its lines, and is as high as one line again after that.
        height = "document.querySelector('#message-input').offsetHeight"
        page.run("document.querySelector('#message-input').focus()")
        one_line = page.run(height)
        page.run("document.execCommand('insertText', false, 'one\\ntwo\\nthree')")
        page.wait_for(f"{height} > {one_line}")
        page.press(ENTER)
        page.wait_for("document.querySelectorAll('.own').length === 2")
        assert page.run("document.querySelector('.own:last-child .data').textContent") == (
            "one\ntwo\nthree"
        )
        assert page.run(height) == one_line

        # Drawers, on a small screen.
        page.resize(390, 844)
        page.wait_for("document.querySelector('#sidebar').matches('[popover]')")
        for button, panel in (("open-channels", "sidebar"), ("open-members", "members-panel")):
            page.run(f"document.querySelector('#{button}').click()")
            page.wait_for(f"document.querySelector('#{panel}').matches(':popover-open')")
            # The focus is in it, and a click beside it closes it.
            page.wait_for(f"document.querySelector('#{panel}').contains(document.activeElement)")
            page.click(*((380, 400) if panel == "sidebar" else (10, 400)))
            page.wait_for(f"!document.querySelector('#{panel}').matches(':popover-open')")
        wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        high = "document.documentElement.scrollHeight > document.documentElement.clientHeight"
        for width, height_pixels in ((320, 256), (720, 450), (768, 1024)):
            page.resize(width, height_pixels)
            assert not page.run(f"{wide} || {high}"), (width, height_pixels)

        # The messages stay at their end.
        for number in range(40):
            page.run(f"document.querySelector('#message-input').value = 'message {number}'")
            page.run("document.querySelector('#composer').requestSubmit()")
        page.wait_for("document.querySelectorAll('.own:not(.pending)').length === 42")
        end = "document.querySelector('#messages').getBoundingClientRect().bottom"
        last = "document.querySelector('.own:last-child').getBoundingClientRect().bottom"
        assert page.run(f"Math.abs({end} - {last})") < 60
        assert page.errors == []

"""The page in a real browser."""

from pathlib import Path

import pytest

from tests.browser import Tab, chromium, missing, wait_until
from tests.conftest import KINDS, Bake
from tests.gateway import serving

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"{missing()} is not on this machine")

MARKUP = "<b>tea</b><img src=x onerror=alert(1)>"


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_shows_what_is_switched_on(bake: Bake, tmp_path: Path, kind: str) -> None:
    app = bake(app_kind=kind)
    with serving(app, app, tmp_path) as gateway, chromium(tmp_path / "profile") as driver:
        tab = Tab(driver, gateway.page)
        parts = ["[data-action=name]", "[data-action=join]", "[data-action=who]", "#composer"]
        shown = {
            "chat": [True, True, True, True],
            "notifications": [False, True, False, False],
            "echo": [False, False, False, True],
        }[kind]

        def visible() -> list[bool]:
            return [tab.visible(part) for part in parts]

        wait_until(lambda: visible() == shown, visible)
        if kind == "echo":
            tab.enter("#message-input", MARKUP)
            tab.wait_for(".message.other .data", MARKUP)
        assert tab.console() == []


def test_two_tabs_chat(app: Path, tmp_path: Path) -> None:
    with serving(app, app, tmp_path) as gateway, chromium(tmp_path / "profile") as driver:
        ann, bob = Tab(driver, gateway.page), Tab(driver, gateway.page)
        ann.enter("#name-input", "Ann")
        bob.enter("#name-input", "<i>Bob</i>")
        for tab in (ann, bob):
            tab.enter("#channel-input", "tea")
            tab.wait_for("#title", "tea")
        ann.wait_for("#members .name", "<i>Bob</i>")
        ann.enter("#message-input", MARKUP)
        bob.wait_for(".message.other .data", MARKUP)
        bob.wait_for(".message.other .sender", "Ann")
        ann.wait_for(".message.own .data", MARKUP)
        bob.enter("#message-input", "two sugars")
        ann.wait_for(".message.other .sender", "<i>Bob</i>")
        assert ann.texts(".message .data") == bob.texts(".message .data") == [MARKUP, "two sugars"]
        assert ann.texts("#log img, #log b, #members i") == []
        assert ann.console() + bob.console() == []

"""The page in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.conftest import KINDS, Bake
from tests.local.gateway import Gateway, serving
from tests.web.browser import Tab, missing, wait_until

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"{missing()} is not on this machine")

MARKUP = "<b>tea</b><img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def gateway(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving(app, app, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.mark.quick
@pytest.mark.parametrize("kind", KINDS)
def test_the_page_shows_what_is_switched_on(
    bake: Bake, tmp_path: Path, driver: Chrome, kind: str
) -> None:
    app = bake(app_kind=kind)
    with serving(app, app, tmp_path) as gateway:
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
        assert tab.texts("h1") == [kind.capitalize()]
        if kind == "chat":
            tab.join("tea")
            tab.say(MARKUP)
            tab.wait_for(".message.own .data", MARKUP)
            tab.wait_for(".message.own .receipt", "Delivered")
        if kind == "echo":
            tab.say(MARKUP)
            tab.wait_for(".message.other .data", MARKUP)
        if kind == "notifications":
            tab.join("orders")
            gateway.invoke("notify", {"channel": "orders", "data": MARKUP})
            gateway.invoke("notify", {"channel": "lobby", "data": {"number": 7}})
            tab.wait_for(".message.notification .data", MARKUP)
            tab.wait_for(".toast .channel-name", "lobby")
            tab.wait_for("#channels .badge", "1 new")
            tab.click(".toast .dismiss")
            wait_until(lambda: tab.texts(".toast") == [], lambda: tab.texts(".toast"))
        assert tab.texts("img, .data b") == []
        assert tab.console() == []


def test_two_tabs_chat(gateway: Gateway, driver: Chrome) -> None:
    ann, bob = Tab(driver, gateway.page), Tab(driver, gateway.page)
    ann.take_name("Ann")
    bob.take_name("<i>Bob</i>")
    for tab in (ann, bob):
        tab.join("tea")
    ann.wait_for("#members .name", "<i>Bob</i>")
    ann.say(MARKUP)
    bob.wait_for(".message.other .sender", "Ann")
    ann.wait_for(".message.own .receipt", "Delivered")
    bob.say("two sugars")
    ann.wait_for(".message.other .sender", "<i>Bob</i>")
    for tab in (ann, bob):
        tab.hears(MARKUP, "two sugars")
    assert ann.texts("#messages img, #messages b, #members i") == []
    assert ann.console() + bob.console() == []


def test_what_is_not_read_yet_is_marked(gateway: Gateway, driver: Chrome) -> None:
    ann, bob = Tab(driver, gateway.page), Tab(driver, gateway.page)
    for tab in (ann, bob):
        tab.join("cake")
    bob.click("#channels button")  # the lobby
    ann.say("one")
    ann.say("two")
    bob.wait_for("#channels .badge", "2 new")
    bob.wait_for("title", "(2) Chat")
    bob.click("#channels li:last-child button")
    bob.hears("one", "two")
    bob.wait_for("title", "Chat")
    assert set(bob.texts("#channels .badge")) == {""}


def test_a_reload_keeps_ones_place(gateway: Gateway, driver: Chrome) -> None:
    ann, bob = Tab(driver, gateway.page), Tab(driver, gateway.page)
    ann.take_name("Ann")
    for tab in (ann, bob):
        tab.join("juice")
    ann.say("from Ann")
    bob.hears("from Ann")
    bob.say("from Bob")
    ann.hears("from Ann", "from Bob")
    ann.join("water")
    ann.click("#channels li:nth-child(2) button")
    ann.wait_for("#title", "juice")

    ann.visit("about:blank")
    bob.say("while Ann is away")
    bob.hears("from Ann", "from Bob", "while Ann is away")
    ann.visit(gateway.page)
    ann.hears("from Ann", "from Bob", "while Ann is away")
    assert ann.texts("#title") == ["juice"]
    assert ann.texts(".message.own .data") == ["from Ann"]
    assert ann.texts("#channels .name") == ["lobby", "juice", "water"]
    bob.wait_for("#members .name", "Ann")
    ann.say("back again")
    bob.hears("from Ann", "from Bob", "while Ann is away", "back again")
    bob.wait_for("article:last-of-type .sender", "Ann")


def test_the_frames_can_be_looked_at(gateway: Gateway, driver: Chrome) -> None:
    tab = Tab(driver, gateway.page)
    tab.click("#inspect")
    tab.wait_for("#frames .sent .what", "help")
    tab.click("#frames .frame:last-child summary")  # the first, as the newest stands on top
    wait_until(
        lambda: '"action": "help"' in tab.texts("#frames .frame:last-child pre")[0],
        lambda: tab.texts("#frames pre"),
    )
    # The reply of a request that is under way would come between the two.
    tab.click("#pause")
    tab.click("#clear")
    tab.say("not seen")
    tab.hears("not seen")
    assert tab.texts("#frames .frame") == []
    tab.click("#pause")
    tab.say("seen")
    tab.wait_for("#frames .sent .hint", "lobby “seen”")


@pytest.mark.parametrize(
    "url", ["http://example.com/", "tea", "", "javascript:alert(1)", "wss://a.example/#b"]
)
def test_url_that_is_not_valid_is_refused(gateway: Gateway, driver: Chrome, url: str) -> None:
    tab = Tab(driver, gateway.page)
    tab.visit(f"{gateway.page}?url={url.replace('#', '%23')}")
    error = f"?url= is not the address of a server (got '{url}'); use ?url=wss://host/stage"
    tab.wait_for("#status", error)
    assert tab.texts("#state") == ["Not connected"]

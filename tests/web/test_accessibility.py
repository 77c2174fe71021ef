"""The page is accessible, and fits small screens, in each kind and state."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.conftest import KINDS, Bake
from tests.local.gateway import Gateway, serving
from tests.web.browser import Tab, missing, wait_until

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"{missing()} is not installed")

SIZES = [(1440, 900), (768, 1024), (390, 844), (320, 568)]

# Text that fades in has less contrast until its animation ends.
AXE = """
const done = arguments[arguments.length - 1];
Promise.allSettled(document.getAnimations().map(({finished}) => finished))
  .then(() => axe.run(document, {resultTypes: ["violations"]}))
  .then(({violations}) => done(violations.map(
    ({id, nodes}) => `${id}: ${nodes.map(({html}) => html.slice(0, 90)).join(" ")}`)));
"""

SHIFT = """
const done = arguments[arguments.length - 1];
new PerformanceObserver((list) => {
  done(list.getEntries().reduce((sum, each) => sum + each.value, 0));
}).observe({type: "layout-shift", buffered: true});
setTimeout(() => done(0), 300);
"""

HEIGHT = "return document.querySelector(arguments[0]).getBoundingClientRect().height"
# https://www.w3.org/WAI/WCAG22/Understanding/text-spacing
SPACING = """
const sheet = new CSSStyleSheet();
sheet.replaceSync(`* { line-height: 1.5 !important; letter-spacing: .12em !important;
  word-spacing: .16em !important } p { margin-bottom: 2em !important }`);
document.adoptedStyleSheets = [sheet];
"""
REPORT = """
const done = arguments[arguments.length - 1];
const text = "No server answers. Start it. ".repeat(3);
import("./page/status.js").then(({report}) => done(report(text)));
"""
# The parts of a page that a user must see, and whether the page itself scrolls.
SEEN = """
const end = document.documentElement.clientHeight;
const box = (css) => document.querySelector(css).getBoundingClientRect();
return [document.documentElement.scrollHeight - end, box("#composer").bottom <= end,
  box("#status").bottom <= box("#composer").top + 1, box(".view").height >= 60];
"""
FITS = """
const panel = document.querySelector(arguments[0]);
const {bottom} = panel.getBoundingClientRect();
return bottom <= document.documentElement.clientHeight && panel.scrollWidth <= panel.clientWidth;
"""
OVERFLOW = """
const parts = [document.documentElement, document.querySelector(".conversation")];
return Math.max(...parts.map((part) => part.scrollWidth - part.clientWidth));
"""


@contextmanager
def page_of(kind: str, bake: Bake, tmp_path: Path, driver: Chrome) -> Iterator[tuple[Gateway, Tab]]:
    """Serve an app of a kind, and open its page."""
    app = bake(app_kind=kind)
    with serving(app, app, tmp_path) as gateway:
        yield gateway, Tab(driver, gateway.page)


def with_content(gateway: Gateway, tab: Tab, kind: str) -> None:
    """Show messages, long ones and with links too."""
    if kind == "notifications":
        order = {"title": "Order 17", "text": "It comes on Tuesday.", "url": "https://a.example/"}
        for data in ("https://a.example/", order, {"number": [7]}):
            gateway.invoke("notify", {"channel": "lobby", "data": data})
        wait_until(lambda: len(tab.messages()) == 3, tab.messages)
        return
    tab.say("See https://a.example/")
    tab.say("long" * 100)
    tab.wait_for(".message.own .data", "long" * 100)


@pytest.mark.parametrize("kind", KINDS)
def test_page_has_no_violation_of_axe(
    bake: Bake, tmp_path: Path, driver: Chrome, node: Path, kind: str
) -> None:
    axe = (node / "axe-core" / "axe.min.js").read_text()
    found: dict[str, list[str]] = {}

    def check(tab: Tab, state: str) -> None:
        for width, height in SIZES:
            tab.resize(width, height)
            for scheme, forced in (("light", "none"), ("dark", "none"), ("light", "active")):
                tab.media({"prefers-color-scheme": scheme, "forced-colors": forced})
                violations = list(driver.execute_async_script(AXE))
                if driver.execute_script(OVERFLOW) > 0:
                    violations.append("a part is wider than the page")
                if violations:
                    found[f"{state} {width} {scheme} {forced}"] = violations

    with page_of(kind, bake, tmp_path, driver) as (gateway, tab):
        driver.execute_script(axe)
        check(tab, "first visit")
        with_content(gateway, tab, kind)
        check(tab, "content")
        tab.click("#inspect")
        check(tab, "frames")
        tab.run("document.querySelector('#close-inspector').click()")
        tab.click("#open-profile")
        check(tab, "settings")
        tab.run("document.querySelector('#profile').hidePopover()")
        tab.offline(True)
        wait_until(lambda: tab.visible("#retry"), lambda: tab.texts("#state"))
        if kind == "chat":
            tab.say("not sent")
            wait_until(lambda: bool(tab.texts(".message.pending")), tab.messages)
        check(tab, "offline")
    assert found == {}, sorted({each for violations in found.values() for each in violations})


@pytest.mark.parametrize("kind", KINDS)
def test_page_loads_without_a_layout_shift(
    bake: Bake, tmp_path: Path, driver: Chrome, kind: str
) -> None:
    with page_of(kind, bake, tmp_path, driver) as (gateway, tab):
        for width, height in ((1440, 900), (390, 844)):
            tab.resize(width, height)
            for visit in ("first", "second"):
                if visit == "first":
                    tab.run("localStorage.clear(); sessionStorage.clear()")
                tab.visit(gateway.page)
                tab.wait_for("#state", "Online")
                shift = driver.execute_async_script(SHIFT)
                assert shift < 0.02, f"{kind} {width} {visit}"


@pytest.mark.parametrize(
    ("width", "height", "part"),
    [(390, 844, 0.6), (720, 450, 0.4), (640, 360, 0.3), (320, 256, 0.25), (768, 1024, 0.6)],
)
def test_messages_have_room_on_a_small_screen(
    gateway: Gateway, driver: Chrome, width: int, height: int, part: float
) -> None:
    tab = Tab(driver, gateway.page, width, height)
    assert driver.execute_script(OVERFLOW) <= 0
    tab.run("document.querySelector('#not-now').click()")
    tab.enter("#message-input", "tea")
    tab.wait_for(".message.own .receipt", "Delivered")
    assert driver.execute_script(HEIGHT, "#messages") >= height * part
    assert driver.execute_script(OVERFLOW) <= 0
    assert tab.visible("#message-input")
    assert tab.visible("#sidebar") == (width >= 700)
    driver.execute_script(SPACING)
    driver.execute_async_script(REPORT)
    assert driver.execute_script(SEEN) == [0, True, True, True]
    tab.run("document.querySelector('#profile').showPopover()")
    assert driver.execute_script(FITS, "#profile")
    assert driver.execute_script(OVERFLOW) <= 0


def test_drawers_open_and_close_by_keyboard(gateway: Gateway, driver: Chrome) -> None:
    tab = Tab(driver, gateway.page, 390, 844)
    for button, panel in (("#open-channels", "#sidebar"), ("#open-members", "#members-panel")):
        driver.find_element(By.CSS_SELECTOR, button).send_keys(Keys.ENTER)
        wait_until(partial(tab.visible, panel), lambda: "closed")
        focused = f"{panel} :focus"
        wait_until(lambda focused=focused: tab.texts(focused) != [], lambda: "no focus in it")  # type: ignore[misc]
        driver.switch_to.active_element.send_keys(Keys.ESCAPE)
        wait_until(partial(tab.hidden, panel), lambda: "open")
        assert driver.switch_to.active_element.get_attribute("id") == button[1:]
    driver.find_element(By.CSS_SELECTOR, "#inspect").send_keys(Keys.ENTER)
    driver.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not tab.visible("#inspector")
    assert driver.switch_to.active_element.get_attribute("id") == "inspect"
    # What led to a channel, or out of it, is gone.
    tab.click("#open-channels")
    tab.join("tea")
    wait_until(lambda: tab.texts("#messages:focus") != [], lambda: "no focus after the join")
    driver.find_element(By.CSS_SELECTOR, "#leave").send_keys(Keys.ENTER)
    tab.wait_for("#title", "lobby")
    wait_until(lambda: tab.texts("#messages:focus") != [], lambda: "no focus after the leave")


def test_frames_take_the_place_of_members_where_space_is_short(
    gateway: Gateway, driver: Chrome
) -> None:
    tab = Tab(driver, gateway.page, 1024, 768)
    assert tab.visible("#members-panel")
    tab.click("#inspect")
    assert not tab.visible("#members-panel")
    width = "return document.querySelector('#messages').clientWidth"
    assert driver.execute_script(width) > 350


@pytest.fixture(scope="module")
def gateway(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving(app, app, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway

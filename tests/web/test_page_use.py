"""Tests of the use of a chat and of an inbox."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.conftest import Bake
from tests.local.gateway import Gateway, serving
from tests.web.browser import Tab, missing, wait_until

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"{missing()} is not installed")

DAMAGED = """
for (const key of Object.keys(sessionStorage)) sessionStorage.setItem(key, arguments[0]);
for (const key of Object.keys(localStorage)) localStorage.setItem(key, arguments[0]);
Storage.prototype.setItem = () => {};
"""

TOMORROW = """
const RealDate = Date;
window.Date = class extends RealDate {
  constructor(...given) {
    if (given.length) super(...given);
    else super(RealDate.now() + 24 * 3600 * 1000);
  }
};
"""

BLOCKED = """
for (const name of ["localStorage", "sessionStorage"]) {
  Object.defineProperty(window, name, {
    get() { throw new DOMException("denied", "SecurityError"); },
  });
}
"""


@pytest.fixture(scope="module")
def gateway(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving(app, app, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


def test_members_of_the_lobby_are_true(gateway: Gateway, driver: Chrome) -> None:
    ann = Tab(driver, gateway.page)
    ann.take_name("Ann")
    ann.wait_for("#members .you", "you")
    bob = Tab(driver, gateway.page)
    bob.take_name("Bob")
    wait_until(lambda: ann.texts("#members .name") == ["Ann", "Bob"], lambda: ann.texts("#members"))
    assert ann.texts("#members .you") == ["you", ""]
    bob.close()
    wait_until(lambda: ann.texts("#members .name") == ["Ann"], lambda: ann.texts("#members"))
    assert ann.texts("#member-count") == ["1"]


def test_two_tabs_show_the_same_order(gateway: Gateway, driver: Chrome) -> None:
    tabs = [Tab(driver, gateway.page) for _ in range(2)]
    for tab in tabs:
        tab.join("order")
    # Both send before either has heard the other.
    for number in range(6):
        tabs[number % 2].enter("#message-input", f"message {number}")
    for tab in tabs:
        tab.shows(6)
        wait_until(lambda tab=tab: not tab.texts(".pending"), tab.messages)  # type: ignore[misc]
    assert tabs[0].messages() == tabs[1].messages()


def test_name_given_offline_that_the_server_refuses_is_told(
    gateway: Gateway, driver: Chrome
) -> None:
    tab = Tab(driver, gateway.page)
    tab.run("localStorage.clear()")
    tab.visit(gateway.page)
    wait_until(lambda: tab.visible("#name-input"), lambda: "no welcome")
    tab.offline(True)
    wait_until(lambda: tab.visible("#retry"), lambda: tab.texts("#state"))
    tab.run("document.querySelector('#name-input').value = 'a\u200bb\u0416z'")
    tab.run("document.querySelector('#name-form').requestSubmit()")
    wait_until(lambda: tab.texts("#profile-name") != ["You"], lambda: "not named")
    tab.offline(False)
    tab.wait_for("#state", "Online")
    wait_until(lambda: "name must" in tab.texts("#status")[0], lambda: tab.texts("#status"))
    assert tab.texts("#profile-name") == ["You"]
    other = Tab(driver, gateway.page)
    assert other.texts("#profile-name") == ["You"]


def test_name_that_is_being_typed_outlives_a_connection(gateway: Gateway, driver: Chrome) -> None:
    """Two tabs are open for the first time. One gives a name while the other is typing."""
    tab = Tab(driver, gateway.page)
    tab.run("localStorage.clear()")
    tab.visit(gateway.page)
    other = Tab(driver, gateway.page)
    wait_until(lambda: other.visible("#name-input"), lambda: "no welcome")
    driver.find_element(By.CSS_SELECTOR, "#name-input").send_keys("Bo")
    tab.take_name("Ann")
    other.offline(True)
    wait_until(lambda: other.visible("#retry"), lambda: other.texts("#state"))
    other.offline(False)
    other.wait_for("#state", "Online")
    assert other.visible("#welcome")
    driver.find_element(By.CSS_SELECTOR, "#name-input").send_keys("b" + Keys.ENTER)
    other.wait_for("#profile-name", "Bob")
    wait_until(lambda: other.hidden("#welcome"), lambda: "the welcome stays")


def test_channel_that_is_joined_by_name_is_told_from_others(
    gateway: Gateway, driver: Chrome
) -> None:
    tab = Tab(driver, gateway.page)
    tab.enter("#channel-input", "#tea")
    tab.wait_for("#title", "tea")
    for end in "12":
        tab.join("long-" * 12 + end)
    names = "[...document.querySelectorAll('#channels .name')]"
    cut = f"return {names}.filter(e => e.scrollWidth > e.clientWidth)"
    assert driver.execute_script(cut) == []
    # A drawer would cover the reason of a refusal.
    tab.resize(390, 844)
    tab.click("#open-channels")
    tab.run("document.querySelector('#channel-input').removeAttribute('pattern')")
    tab.enter("#channel-input", "no spaces")
    wait_until(lambda: tab.hidden("#sidebar"), lambda: "the drawer is open")
    assert "channel must be" in tab.texts("#status")[0]
    value = "return document.querySelector('#channel-input').value"
    assert driver.execute_script(value) == "no spaces"
    assert tab.console() == []


def test_composer_keeps_lines_and_a_draft_for_each_channel(
    gateway: Gateway, driver: Chrome
) -> None:
    tab = Tab(driver, gateway.page)
    tab.join("draft")
    field = driver.find_element(By.CSS_SELECTOR, "#message-input")
    field.send_keys("one", Keys.SHIFT + Keys.ENTER + Keys.NULL, "two")
    tab.click("#channels li:first-child button")
    assert field.get_attribute("value") == ""
    tab.visit(gateway.page)
    tab.wait_for("#state", "Online")
    tab.click("#channels li:last-child button")
    field = driver.find_element(By.CSS_SELECTOR, "#message-input")
    assert field.get_attribute("value") == "one\ntwo"
    field.send_keys(Keys.ENTER)
    tab.hears("one\ntwo")
    tab.run(
        "const f = document.querySelector('#message-input'); f.value = 'x'.repeat(4001);"
        "f.dispatchEvent(new Event('input'));"
    )
    tab.wait_for("#left", "1 over the limit of 4000")
    field.send_keys(Keys.ENTER)
    assert len(field.get_attribute("value") or "") == 4001


def test_messages_are_grouped_and_links_are_safe(gateway: Gateway, driver: Chrome) -> None:
    tab = Tab(driver, gateway.page)
    tab.join("links")
    for text in ("see https://a.example/x_(y).", "javascript:alert(1)", "three"):
        tab.say(text)
    tab.shows(3)
    tab.wait_for(".message.own .receipt", "Delivered")
    wait_until(lambda: not tab.texts(".pending"), tab.messages)
    assert tab.texts(".receipt") == ["", "", "Delivered"]
    assert len(tab.texts(".grouped")) == 2
    assert tab.texts("#messages .day") == ["Today"]
    assert tab.texts("#messages a") == ["https://a.example/x_(y)"]
    link = driver.find_element(By.CSS_SELECTOR, "#messages a")
    assert "noopener" in (link.get_attribute("rel") or "")
    # The next day.
    tab.run(TOMORROW)
    tab.click("#channels button")
    tab.click("#channels .channel[title=links]")
    assert tab.texts("#messages .day") == ["Yesterday"]


def test_leaving_with_an_unsent_message_asks(gateway: Gateway, driver: Chrome) -> None:
    tab = Tab(driver, gateway.page)
    tab.join("unsent")
    driver.find_element(By.CSS_SELECTOR, "#message-input").send_keys("not sent")
    tab.click("#leave")
    wait_until(lambda: tab.visible("#dialog"), lambda: "no question")
    tab.click("#dialog-no")
    assert tab.texts("#title") == ["unsent"]
    tab.click("#leave")
    tab.click("#dialog-yes")
    tab.wait_for("#title", "lobby")


@pytest.mark.parametrize("damaged", ["", "{", "null", "[]", '{"read":5,"own":{}}', '"x"', "\u0000"])
def test_page_works_with_a_damaged_storage(gateway: Gateway, driver: Chrome, damaged: str) -> None:
    tab = Tab(driver, gateway.page)
    driver.execute_script(DAMAGED, damaged)
    tab.visit(gateway.page)
    tab.wait_for("#state", "Online")
    tab.say(f"damaged {damaged!r}")
    tab.wait_for(".message.own .data", f"damaged {damaged!r}")
    assert tab.console() == []
    tab.run("localStorage.clear(); sessionStorage.clear()")


def test_page_works_with_a_blocked_storage(gateway: Gateway, driver: Chrome) -> None:
    tab = Tab(driver, gateway.page)
    script = {"source": BLOCKED}
    identifier = driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", script)
    try:
        tab.visit(gateway.page)
        tab.wait_for("#state", "Online")
        tab.say("not stored")
        tab.wait_for(".message.own .receipt", "Delivered")
        assert driver.execute_script("return !document.querySelector('#storage-note').hidden")
        assert tab.console() == []
    finally:
        driver.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", identifier)


def test_inbox_marks_one_and_all_as_read(bake: Bake, tmp_path: Path, driver: Chrome) -> None:
    app = bake(app_kind="notifications")
    with serving(app, app, tmp_path) as gateway:
        tab = Tab(driver, gateway.page)
        assert "curl" in tab.texts("#notify-command")[0]
        for number in range(3):
            data = {"title": f"Order {number}", "url": "https://a.example/"}
            gateway.invoke("notify", {"channel": "lobby", "data": data})
        titles = ["Order 2", "Order 1", "Order 0"]
        wait_until(lambda: tab.texts(".headline") == titles, lambda: tab.texts(".headline"))
        tab.wait_for("title", "(3) Notifications")
        tab.click(".notification .actions button")
        tab.wait_for("title", "(2) Notifications")
        tab.visit(gateway.page)
        tab.wait_for("title", "(2) Notifications")
        tab.click("#read-all")
        tab.wait_for("title", "Notifications")
        assert tab.texts(".is-unread") == []
        tab.visit("about:blank")
        gateway.invoke("notify", {"channel": "lobby", "data": json.dumps("while away")})
        tab.visit(gateway.page)
        tab.wait_for("#announcement", "1 new notification while you were away.")
        # The button goes, and the focus stays in the page.
        tab.offline(True)
        wait_until(lambda: tab.visible("#retry"), lambda: tab.texts("#state"))
        tab.run("document.querySelector('#retry').focus()")
        driver.switch_to.active_element.send_keys(Keys.ENTER)
        wait_until(lambda: tab.texts("#messages:focus") != [], lambda: "no focus in the inbox")


def test_unreachable_server_is_explained(gateway: Gateway, driver: Chrome) -> None:
    tab = Tab(driver, gateway.page)
    tab.visit(f"{gateway.page}?url=ws://127.0.0.1:1/api")
    tab.wait_for("#status", "No server answers at 127.0.0.1:1. Start it, or check the address.")
    assert tab.texts("#foreign-host") == ["127.0.0.1:1"]
    tab.visit(f"{gateway.page}?url=wss://bank.example@127.0.0.1:1/api")
    wait_until(lambda: "?url= is not" in tab.texts("#status")[0], lambda: tab.texts("#status"))

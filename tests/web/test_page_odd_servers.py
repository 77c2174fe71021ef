"""The page of a server, of people and of devices that do not do what is usual."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.local.gateway import Gateway, serving
from tests.web.browser import Tab, missing, wait_until
from tests.web.scripted_server import ScriptedServer, message, scripted_server

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"{missing()} is not installed")

TEXTS = [
    "\u202ereversed",
    "zero\u200b\u200d\ufeffwidth",
    "Z" + "\u0351\u0363\u0489" * 60,
    "w" * 200 + " " + "Ä" * 200,
    "👩‍👩‍👧‍👦🇩🇪👍🏽" * 20,
    "שלום\nhello\n\u0645\u0631 123",
    "https://good.example/\u202emoc.live",
    "https://bank.example@evil.example/ https://ok.example/x",
    "\u0000\u001b[31m<script>alert(1)</script>",
]

NAMES = ["👩‍👩‍👧 Family", "漢" * 64, "דוד", "__proto__", "Bob"]

WIDTH = "return document.documentElement.scrollWidth"

# Whether a screen reader reads each message that comes.
READ_OUT = """
window.readOut = [];
new MutationObserver((changes) => {
  for (const {addedNodes} of changes) for (const node of addedNodes) {
    if (node.matches?.(".message")) readOut.push(!node.closest("[aria-live=off]"));
  }
}).observe(document.querySelector("#messages"), {childList: true, subtree: true});
"""

EVENTS = """
const prevented = (css, event) => {
  document.querySelector(css).dispatchEvent(event);
  return event.defaultPrevented;
};
const drop = () => new DragEvent("drop", {bubbles: true, cancelable: true});
const enter = (more) => new KeyboardEvent("keydown", {key: "Enter", cancelable: true, ...more});
return [
  prevented("#messages", drop()), prevented("#message-input", drop()),
  prevented("#message-input", enter({keyCode: 229})),
  prevented("#message-input", enter({isComposing: true})),
  prevented("#message-input", enter({keyCode: 13})),
];
"""


@pytest.fixture(scope="module")
def gateway(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving(app, app, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with scripted_server() as server:
        yield server


def open_tab(gateway: Gateway, driver: Chrome, server: ScriptedServer) -> Tab:
    """Open the page with another server than its own."""
    return Tab(driver, f"{gateway.page}?url=ws://127.0.0.1:{server.port}/dev")


def test_odd_texts_and_names_stay_in_their_place(
    gateway: Gateway, driver: Chrome, server: ScriptedServer
) -> None:
    members = [{"connection_id": f"c{at}", "name": name} for at, name in enumerate(NAMES)]
    server.history = [message(at, text) for at, text in enumerate(TEXTS)]
    server.replies["who"] = lambda _: {"type": "members", "channel": "lobby", "members": members}
    channels = [{"channel": name, "members": 1} for name in ("a/b#c%20d", "__proto__", "x" * 64)]
    server.replies["channels"] = lambda _: {"type": "channels", "channels": channels}
    tab = open_tab(gateway, driver, server)
    tab.shows(len(TEXTS))
    tab.wait_for("#directory .name", "__proto__")
    tab.wait_for("#members .name", "__proto__")
    # Two people of one name are not one.
    server.push(*(message(20 + at, "hi", **{"from": each}) for at, each in enumerate(members)))
    server.push(message(30, "hi", **{"from": {"connection_id": "other", "name": "Bob"}}))
    left = {"type": "presence", "channel": "lobby", "event": "left", "member": members[2]}
    server.push(left)
    tab.wait_for("#messages .note", "דוד left")
    assert tab.texts("#messages .note bdi") == ["דוד"]
    tab.wait_for("article:last-of-type .sender", "Bob")
    assert len(tab.texts("article:not(.grouped) .sender")) == 1 + len(members) + 1
    assert tab.texts("#messages a") == ["https://good.example/", "https://ok.example/x"]
    for width, height in ((320, 568), (390, 844), (1440, 900)):
        tab.resize(width, height)
        assert driver.execute_script(WIDTH) == width
    assert tab.console() == []


def test_history_is_not_read_out_by_a_screen_reader(
    gateway: Gateway, driver: Chrome, server: ScriptedServer
) -> None:
    server.history = [message(at, at) for at in range(3)]
    tab = open_tab(gateway, driver, server)
    tab.shows(3)
    tab.run(READ_OUT)
    server.history += [message(at, at) for at in range(3, 6)]
    server.close_all()
    tab.shows(6)
    tab.wait_for("#announcement", "3 new messages while you were away.")
    wait_until(lambda: tab.texts(".messages[aria-live=off]") == [], lambda: "off")
    server.push(message(6, 6))
    tab.shows(7)
    assert driver.execute_script("return readOut") == [False] * 3 + [True]


def test_clock_that_is_set_back_stops_nothing(
    gateway: Gateway, driver: Chrome, server: ScriptedServer
) -> None:
    members = [{"connection_id": "c1", "name": "Ann"}]
    server.replies["who"] = lambda _: {"type": "members", "channel": "lobby", "members": members}
    tab = open_tab(gateway, driver, server)
    tab.wait_for("#members .name", "Ann")
    tab.run("const {now} = Date; Date.now = () => now() - 24 * 3600 * 1000;")
    members.append({"connection_id": "c2", "name": "Bob"})
    tab.wait_for("#members .name", "Bob")
    typing = {"from": members[1], "keep": False}
    server.push(message(1, {"typing": True}, **typing))
    tab.wait_for("#typing", "Bob is typing…")
    tab.wait_for("#typing", "")
    server.close_all()
    tab.wait_for("#state", "Online")


def test_keys_and_drops_that_are_not_for_the_page_change_nothing(
    gateway: Gateway, driver: Chrome
) -> None:
    Tab(driver, gateway.page)
    assert driver.execute_script(EVENTS) == [True, False, False, False, True]


def test_settings_tell_of_a_storage_that_is_full(gateway: Gateway, driver: Chrome) -> None:
    tab = Tab(driver, gateway.page)
    tab.click("#open-profile")
    assert not tab.visible("#storage-note")
    tab.click("#open-profile")
    assert not tab.visible("#profile")
    tab.run(
        "Storage.prototype.setItem = () => { throw new DOMException('', 'QuotaExceededError'); }"
    )
    tab.say("not stored")
    tab.wait_for(".message.own .receipt", "Delivered")
    tab.click("#open-profile")
    assert tab.visible("#storage-note")
    assert tab.console() == []


def test_paper_shows_all_messages(gateway: Gateway, driver: Chrome, server: ScriptedServer) -> None:
    server.history = [message(at, f"message {at}") for at in range(60)]
    tab = open_tab(gateway, driver, server)
    tab.shows(60)
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert not tab.visible("#composer")
        bottom = "return document.querySelector('article').getBoundingClientRect().top + scrollY"
        height = driver.execute_script("return document.documentElement.scrollHeight")
        assert 0 <= driver.execute_script(bottom) < height > 60 * 24
    finally:
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_unread_notifications_that_are_left_out_are_not_counted(
    gateway: Gateway, driver: Chrome, server: ScriptedServer
) -> None:
    server.replies["help"] = lambda _: {"type": "help", "actions": {"join": {}, "help": {}}}
    tab = open_tab(gateway, driver, server)
    tab.wait_for("#app-title", "Notifications")
    server.push(*(message(at, at) for at in range(1_002)))
    tab.wait_for("#messages .data", "1001")
    tab.wait_for("title", "(1000) Notifications")
    driver.find_element(By.CSS_SELECTOR, "#read-all").click()
    tab.wait_for("title", "Notifications")
    assert set(tab.texts("#channels .badge")) == {""}
    page = {"type": "joined", "messages": [], "more": False, "complete": False}
    server.replies["join"] = lambda request: {**page, "channel": request["channel"]}
    server.close_all()
    tab.wait_for("#announcement", "Some notifications are no longer kept.")

"""The page tells of messages that are not in view, of those who type, and of those not sent."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from websockets.sync.client import ClientConnection

from tests.conftest import Bake
from tests.local.gateway import Gateway, client, serving
from tests.web.browser import Tab, missing, wait_until

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"{missing()} is not installed")

# A headless browser shows no notifications. This records them, and what the page asks for.
NOTIFICATIONS = """
window.shown = [];
window.asked = 0;
window.Notification = class extends EventTarget {
  static permission = "default";
  static async requestPermission() {
    asked += 1;
    return (Notification.permission = "granted");
  }
  constructor(title, { body }) {
    super();
    Object.assign(this, { title, body, closed: false });
    shown.push(this);
  }
  close() { this.closed = true; }
};
"""


@pytest.fixture(scope="module")
def gateway(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving(app, app, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


def broadcast(socket: ClientConnection, data: str) -> None:
    """Broadcast to the lobby."""
    frame = {"action": "broadcast", "data": data, "id": data}
    socket.send(json.dumps(frame))


def test_hidden_tab_counts_messages_and_notifies(gateway: Gateway, driver: Chrome) -> None:
    tab = Tab(driver, gateway.page)
    tab.run(NOTIFICATIONS)
    tab.click("#open-profile")
    assert driver.execute_script("return asked") == 0
    tab.click("#notify-me")
    wait_until(lambda: driver.execute_script("return asked") == 1, lambda: "not asked")
    tab.run("document.querySelector('#profile').hidePopover()")
    icon = driver.execute_script("return document.querySelector('#icon').href")
    with client(gateway.url) as socket:
        broadcast(socket, "seen")
        tab.wait_for(".message .data", "seen")
        assert tab.texts("title") == ["Chat"]
        driver.minimize_window()
        try:
            for number in range(2):
                broadcast(socket, f"hidden {number}")
            tab.wait_for("title", "(2) Chat")
            assert driver.execute_script("return document.querySelector('#icon').href") != icon
            # One for each message. Two fan-outs at once may arrive in either order.
            bodies = "return shown.map(({body}) => body).sort()"
            wait_until(
                lambda: driver.execute_script(bodies) == ["hidden 0", "hidden 1"],
                lambda: driver.execute_script(bodies),
            )
        finally:
            driver.set_window_size(1200, 800)
        # Seen, all is as before.
        tab.wait_for("title", "Chat")
        assert driver.execute_script("return document.querySelector('#icon').href") == icon
        assert driver.execute_script("return shown.at(-1).closed")
        assert tab.texts("#messages .unread") == ["New messages"]


def test_others_see_who_types_with_few_frames(gateway: Gateway, driver: Chrome) -> None:
    ann, bob = Tab(driver, gateway.page), Tab(driver, gateway.page)
    for tab in (ann, bob):
        tab.join("typing")
    bob.take_name("Bob")
    bob.click("#inspect")
    bob.click("#clear")
    field = driver.find_element(By.CSS_SELECTOR, "#message-input")
    for letter in "a longer text":
        field.send_keys(letter)
    ann.wait_for("#typing", "Bob is typing…")
    assert bob.texts("#typing") == [""]
    # One every 3 s at most, however many keys are pressed.
    sent = len([each for each in bob.texts("#frames .sent .what") if each == "broadcast"])
    seconds = driver.execute_script("return (Date.now() - performance.timeOrigin) / 1000")
    assert sent <= 1 + seconds / 3
    field.send_keys(Keys.ENTER)
    ann.wait_for(".message.other .data", "a longer text")
    ann.wait_for("#typing", "")
    # It is not kept.
    ann.visit(gateway.page)
    ann.hears("a longer text")


def test_failed_message_is_edited_or_sent_again(bake: Bake, tmp_path: Path, driver: Chrome) -> None:
    app = bake(app_name="picky")
    actions = app / "chalicelib" / "actions.py"
    push = "    push = new_message(channel, data, sender=me)\n"
    assert push in actions.read_text()
    rule = '    if data == "coffee":\n        raise FrameError("bad_field", "say tea", "data")\n'
    actions.write_text(actions.read_text().replace(push, rule + push))
    with serving(app, app, tmp_path) as gateway:
        tab = Tab(driver, gateway.page)
        tab.say("coffee")
        tab.wait_for(".message.failed .data", "coffee")
        tab.click(".failed .receipt button")
        assert tab.texts("#message-input:focus") != []
        tab.wait_for(".message.failed .data", "coffee")
        tab.click(".failed .receipt button:last-child")
        assert tab.texts(".message.failed") == []
        field = driver.find_element(By.CSS_SELECTOR, "#message-input")
        assert field.get_property("value") == "coffee"
        field.send_keys(" or tea\n")
        tab.wait_for(".message.own .receipt", "Delivered")
        assert tab.messages() == ["coffee or tea"]


def test_messages_that_wait_are_counted(gateway: Gateway, driver: Chrome) -> None:
    tab = Tab(driver, gateway.page)
    tab.offline(True)
    wait_until(lambda: tab.visible("#retry"), lambda: tab.texts("#state"))
    for number in range(2):
        tab.say(f"waits {number}")
    tab.wait_for("#progress", "Not sent yet: 2 messages. Sent when online.")
    assert tab.texts(".pending .receipt") == ["Waiting for the connection"] * 2
    tab.offline(False)
    tab.wait_for(".message.own .receipt", "Delivered")
    tab.wait_for("#progress", "")

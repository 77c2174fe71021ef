"""Several devices of one person: own messages, read marks and the person's own channel."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.conftest import Bake
from tests.local.gateway import Gateway, serving
from tests.web.browser import missing, wait_until
from tests.web.test_page_sign_in import signed_in

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"{missing()} is not installed")

BADGES = "#channels .badge:not(:empty)"


def with_sign_in(app: Path, folder: Path) -> Path:
    """Copy an app, and let people sign in."""
    project = shutil.copytree(app, folder / "signed")
    path = project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"]["dev"]["environment_variables"]["AUTH"] = "jwt"
    path.write_text(json.dumps(config))
    return project


@pytest.fixture(scope="module")
def gateway(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("devices")
    project = with_sign_in(app, folder)
    with serving(project, project, folder) as gateway:
        yield gateway


def test_message_from_another_device_is_ones_own(gateway: Gateway, driver: Chrome) -> None:
    first, second = (signed_in(driver, gateway.page, "ann") for _ in range(2))
    bob = signed_in(driver, gateway.page, "bob")
    for tab in (first, second, bob):
        tab.join("tea")
    second.join("cake")
    first.say("from one device")
    bob.hears("from one device")
    second.click("#channels .channel[title^=tea]")
    second.wait_for(".message.own .data", "from one device")
    assert second.texts(BADGES) == []
    assert bob.texts(".message.own") == []
    assert second.texts(".unread") == []


def test_own_message_that_the_server_changes_is_shown_once(
    bake: Bake, tmp_path: Path, driver: Chrome
) -> None:
    project = with_sign_in(bake(app_name="loud"), tmp_path)
    actions = project / "chalicelib" / "actions.py"
    push = "push = new_message(channel, data, sender=me)"
    assert push in actions.read_text()
    actions.write_text(actions.read_text().replace(push, push.replace("data", "data.upper()")))
    with serving(project, project, tmp_path) as gateway:
        tabs = [signed_in(driver, gateway.page, "ann") for _ in range(2)]
        tabs[0].say("tea")
        for tab in tabs:
            tab.wait_for(".message.own .data", "TEA")
        tabs[0].wait_for(".message.own .receipt", "Delivered")
        assert [tab.messages() for tab in tabs] == [["TEA"], ["TEA"]]


def test_channel_read_on_one_device_is_read_on_all(gateway: Gateway, driver: Chrome) -> None:
    first, second = (signed_in(driver, gateway.page, "carl") for _ in range(2))
    bob = signed_in(driver, gateway.page, "bob")
    for tab in (bob, second, first):
        tab.join("milk")
    first.join("jam")
    second.join("jam")
    bob.say("one")
    bob.say("two")
    for tab in (first, second):
        tab.wait_for(BADGES, "2 new")
        tab.wait_for("title", "(2) Chat")
    first.click("#channels .channel[title^=milk]")
    for tab in (first, second):
        wait_until(lambda tab=tab: tab.texts(BADGES) == [], lambda: second.texts(BADGES))  # type: ignore[misc]
        assert tab.texts("title") == ["Chat"]
    # A device that was away knows it too, and another counts what came since.
    bob.say("three")
    second.wait_for(BADGES, "1 new")
    third = signed_in(driver, gateway.page, "carl")
    third.enter("#channel-input", "milk")
    third.wait_for("#messages .unread", "New messages")
    third.wait_for(".message .data", "three")
    wait_until(lambda: second.texts(BADGES) == [], lambda: second.texts(BADGES))


def test_own_channel_of_a_person_has_a_name(gateway: Gateway, driver: Chrome) -> None:
    tab = signed_in(driver, gateway.page, "dora")
    tab.wait_for("#channels .name", "For you")
    gateway.invoke("notify", {"user": "dora", "data": "a letter"})
    tab.wait_for(BADGES, "1 new")
    tab.click("#channels .channel[title='For you']")
    tab.wait_for(".message .data", "a letter")
    assert tab.texts("#title") == ["For you"]
    assert tab.texts("#messages .day") == ["Today"]
    assert tab.texts("#status") == [""]
    # Only the server may write there.
    assert not tab.visible("#composer")
    assert not tab.visible("#leave")


def test_inbox_is_the_same_on_all_devices(bake: Bake, tmp_path: Path, driver: Chrome) -> None:
    project = with_sign_in(bake(app_kind="notifications"), tmp_path)
    with serving(project, project, tmp_path) as gateway:
        first, second = (signed_in(driver, gateway.page, "ann") for _ in range(2))
        for number in range(3):
            gateway.invoke("notify", {"user": "ann", "data": {"title": f"Order {number}"}})
        for tab in (first, second):
            tab.wait_for("title", "(3) Notifications")
        first.click(".notification .actions button")
        first.wait_for("title", "(2) Notifications")
        titles = ["Order 1", "Order 0", "Order 2"]
        wait_until(lambda: first.texts(".headline") == titles, lambda: first.texts(".headline"))
        # One that is marked alone is read on the other device too, and after a reload there.
        second.wait_for("title", "(2) Notifications")
        assert second.texts(".headline") == titles
        second.visit(gateway.page)
        second.wait_for("title", "(2) Notifications")
        assert second.texts(".is-unread .headline") == titles[:2]
        first.click("#read-all")
        for tab in (first, second):
            tab.wait_for("title", "Notifications")
            assert tab.texts(".is-unread") == []

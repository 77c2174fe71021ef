"""Sign-in with the page on this machine: tabs of two people, and of one."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.local.gateway import Gateway, serving
from tests.web.browser import Tab, missing, wait_until

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"{missing()} is not installed")


@pytest.fixture(scope="module")
def gateway(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose app has AUTH jwt and names no issuer."""
    folder = tmp_path_factory.mktemp("sign-in")
    project = shutil.copytree(app, folder / "app")
    path = project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"]["dev"]["environment_variables"]["AUTH"] = "jwt"
    path.write_text(json.dumps(config))
    with serving(project, project, folder) as gateway:
        yield gateway


def signed_in(driver: Chrome, page: str, user: str) -> Tab:
    """Open a tab, and sign in."""
    tab = Tab(driver, page, state="Signed out")
    tab.enter("#user-input", user)
    tab.wait_for("#state", "Online")
    return tab


def test_two_people_and_two_tabs_of_one_chat(gateway: Gateway, driver: Chrome) -> None:
    ann, bob, other = (signed_in(driver, gateway.page, user) for user in ("ann", "bob", "ann"))
    assert ann.texts("#profile-name") == ["ann"]
    assert not ann.visible("#name-form")
    wait_until(
        lambda: ann.texts("#members .name") == ["ann", "bob"], lambda: ann.texts("#members .name")
    )
    for tab in (ann, other):
        assert tab.texts("#members .you") == ["you", ""]
    ann.say("from ann")
    bob.wait_for(".message.other .sender", "ann")
    bob.say("from bob")
    for tab in (ann, bob, other):
        tab.wait_for(".message .data", "from bob")
    assert other.messages() == ["from ann", "from bob"]
    assert ann.console() + bob.console() + other.console() == []


def test_reload_stays_signed_in_and_sign_out_ends_it(gateway: Gateway, driver: Chrome) -> None:
    tab = signed_in(driver, gateway.page, "carl")
    tab.visit(gateway.page)
    tab.wait_for("#state", "Online")
    tab.join("private")
    tab.click("#open-profile")
    tab.click("#sign-out")
    tab.wait_for("#state", "Signed out")
    assert tab.visible("#sign-in")
    assert not tab.visible("#composer")
    tab.enter("#user-input", "dora")
    tab.wait_for("#state", "Online")
    assert tab.texts("#profile-name") == ["dora"]
    assert "private" not in tab.texts("#channels .name")

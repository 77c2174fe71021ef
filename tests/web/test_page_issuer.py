"""Sign-in of the page at an issuer, with the code flow and PKCE: Cognito's hosted sign-in."""

import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pytest
from selenium.webdriver import Chrome

from tests.local.gateway import Gateway, serving
from tests.web.browser import Tab, chromium, close_tabs, missing, wait_until
from tests.web.hosted_ui import PASSWORD, HostedUi, hosted_ui

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(bool(missing()), reason=f"{missing()} is not installed"),
]

ANN, BOB = "ann@example.com", "bob@example.com"


class Site(NamedTuple):
    """A page at an address of its own, its issuer and its app."""

    page: str
    hosted: HostedUi
    gateway: Gateway


@contextmanager
def static_host(folder: Path) -> Iterator[str]:
    """Serve files; yield the address."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = partial(Handler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


@pytest.fixture(scope="module")
def site(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The page that `make page` writes, below a path of a static host."""
    folder = tmp_path_factory.mktemp("issuer")
    project = shutil.copytree(app, folder / "app")
    (folder / "host").mkdir()
    with static_host(folder / "host") as host, hosted_ui(folder, f"{host}team/chat/") as hosted:
        hosted.add_person(ANN, "Ann Ärmel")
        hosted.add_person(BOB, "Bob")
        path = project / ".chalice" / "config.json"
        config = json.loads(path.read_text())
        config["stages"]["dev"]["environment_variables"] |= {
            "AUTH": "jwt",
            "AUTH_ISSUER": hosted.issuer,
            "AUTH_AUDIENCE": hosted.client["ClientId"],
        }
        path.write_text(json.dumps(config))
        options = [f"--allow-origin={host.rstrip('/')}"]
        with serving(project, project, folder, *options, variables=hosted.environment) as gateway:
            sign_in = {"issuer": hosted.issuer, "client_id": hosted.client["ClientId"]}
            settings = folder / "settings.json"
            settings.write_text(json.dumps({"url": gateway.url, "sign_in": sign_in}))
            command = ["-B", "-m", "chalice_ws.deploy", "page", f"--settings={settings}"]
            subprocess.run([sys.executable, *command], cwd=project, check=True)
            (folder / "host" / "team").mkdir()
            shutil.copytree(project / "build" / "dev" / "page", folder / "host" / "team" / "chat")
            yield Site(f"{host}team/chat/", hosted, gateway)


@pytest.fixture(scope="module")
def issuer_browser(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with chromium(tmp_path_factory.mktemp("profile"), *site.hosted.flags) as driver:
        yield driver


@pytest.fixture
def driver(issuer_browser: Chrome) -> Iterator[Chrome]:
    yield issuer_browser
    close_tabs(issuer_browser)
    issuer_browser.execute_cdp_cmd("Network.clearBrowserCookies", {})


def opened(driver: Chrome, site: Site) -> Tab:
    """Open a tab whose user is not signed in."""
    return Tab(driver, site.page, state="Signed out")


def fill_in(tab: Tab, email: str) -> None:
    """Sign in with the issuer's form."""
    wait_until(lambda: bool(tab.texts("#username")), lambda: tab.texts("body"))
    tab.run(f"document.querySelector('#username').value = {json.dumps(email)}")
    tab.run(f"document.querySelector('#password').value = {json.dumps(PASSWORD)}")
    tab.click("#submit")


def signed_in(driver: Chrome, site: Site, email: str) -> Tab:
    """Open a tab, and sign in with the issuer's form."""
    tab = opened(driver, site)
    tab.click("#sign-in-button")
    fill_in(tab, email)
    tab.wait_for("#state", "Online")
    return tab


def lists(tab: Tab, names: list[str]) -> bool:
    """Return whether a tab lists these members."""
    return sorted(tab.texts("#members .name")) == names


def test_two_people_and_two_tabs_of_one_chat(site: Site, driver: Chrome) -> None:
    ann = signed_in(driver, site, ANN)
    # The issuer's session is that of the browser.
    other = opened(driver, site)
    other.click("#sign-in-button")
    other.wait_for("#state", "Online")
    driver.execute_cdp_cmd("Network.clearBrowserCookies", {})
    bob = signed_in(driver, site, BOB)
    for tab, name in ((ann, "Ann Ärmel"), (other, "Ann Ärmel"), (bob, "Bob")):
        assert tab.texts("#profile-name") == [name]
        wait_until(partial(lists, tab, ["Ann Ärmel", "Bob"]), partial(tab.texts, "#members .name"))
    ann.say("from ann")
    bob.wait_for(".message.other .sender", "Ann Ärmel")
    bob.say("from bob")
    for tab in (ann, other, bob):
        tab.hears("from ann", "from bob")
    assert ann.console() + other.console() + bob.console() == []
    for tab in (ann, other, bob):
        # Neither the code nor a token stays in an address.
        assert tab.texts("#state-text") == ["Online"]
        assert driver.current_url == site.page
    assert not any(token in site.gateway.printed() for token in site.hosted.tokens)


def test_reload_stays_signed_in_and_sign_out_ends_the_session(site: Site, driver: Chrome) -> None:
    tab = signed_in(driver, site, ANN)
    tab.join("private")
    grants = len(site.hosted.grants)
    tab.visit(site.page)
    tab.wait_for("#state", "Online")
    # The tab has a token, and needs no other.
    assert len(site.hosted.grants) == grants
    # A used code in a link signs nobody in, and out.
    tab.visit(f"{site.page}?code=stolen&state=x")
    tab.wait_for("#state", "Online")
    tab.click("#open-profile")
    tab.click("#sign-out")
    tab.wait_for("#state", "Signed out")
    assert driver.current_url == site.page
    assert tab.visible("#sign-in-button")
    assert not tab.visible("#user-input")
    assert not tab.visible("#composer")
    assert site.hosted.requests[-2:] == ["/oauth2/revoke", "/logout"]
    # The issuer asks again who it is.
    tab.click("#sign-in-button")
    fill_in(tab, BOB)
    tab.wait_for("#state", "Online")
    assert tab.texts("#profile-name") == ["Bob"]
    assert "private" not in tab.texts("#channels .name")


def test_answer_of_another_sign_in_is_refused(site: Site, driver: Chrome) -> None:
    tab = opened(driver, site)
    grants = list(site.hosted.grants)
    for query in ("code=x&state=y", "error=access_denied&state=y&error_description=Call+0800"):
        tab.visit(f"{site.page}?{query}")
        tab.wait_for("#state", "Signed out")
        tab.wait_for("#status", "Sign-in failed: the answer is of another sign-in.")
        assert driver.current_url == site.page
    assert site.hosted.grants == grants


def test_page_reaches_the_server_and_the_issuer_alone(site: Site, driver: Chrome) -> None:
    tab = opened(driver, site)
    script = """
        const done = arguments[arguments.length - 1];
        fetch(arguments[0], {mode: "no-cors"}).then(() => done("sent"), () => done("blocked"));
    """
    url = "https://cognito-idp.us-west-2.amazonaws.com/"
    assert driver.execute_async_script(script, url) == "blocked"
    assert "connect-src" in " ".join(tab.console())
    assert driver.execute_async_script(script, site.hosted.issuer) == "sent"


def test_link_to_another_server_gets_no_token(site: Site, driver: Chrome) -> None:
    signed_in(driver, site, ANN)
    count = len(site.hosted.requests)
    other = site.gateway.url.replace("127.0.0.1", "localhost")
    driver.get(f"{site.page}?url={quote(f'{other}?token=secret')}")
    tabs = "return document.querySelector('#foreign').hidden"
    wait_until(lambda: not driver.execute_script(tabs), lambda: "not foreign")
    wait_until(
        lambda: "Offline" in driver.find_element("id", "state").text,
        lambda: driver.find_element("id", "state").text,
    )
    assert len(site.hosted.requests) == count
    stored = "return JSON.stringify([{...localStorage}, {...sessionStorage}])"
    driver.execute_script("dispatchEvent(new Event('pagehide'))")
    assert "page of ws://localhost" in driver.execute_script(stored)
    assert "secret" not in driver.execute_script(stored)


def test_browser_without_storage_signs_in_with_a_window(site: Site, tmp_path: Path) -> None:
    blocked: dict[str, object] = {
        "profile.content_settings.exceptions.cookies": {
            f"{site.page.split('/team')[0]},*": {"setting": 2}
        }
    }
    with chromium(tmp_path, *site.hosted.flags, preferences=blocked) as driver:
        tab = opened(driver, site)
        assert not driver.execute_script("return document.querySelector('#storage-note').hidden")
        before = set(driver.window_handles)
        tab.click("#sign-in-button")
        wait_until(lambda: len(driver.window_handles) > len(before), lambda: driver.window_handles)
        (window,) = set(driver.window_handles) - before
        driver.switch_to.window(window)
        wait_until(lambda: bool(driver.find_elements("id", "username")), lambda: driver.title)
        driver.find_element("id", "username").send_keys(ANN)
        driver.find_element("id", "password").send_keys(PASSWORD)
        driver.find_element("id", "submit").click()
        tab.wait_for("#state", "Online")
        assert tab.texts("#profile-name") == ["Ann Ärmel"]
        wait_until(lambda: len(driver.window_handles) == 2, lambda: driver.window_handles)
        tab.say("without storage")
        tab.wait_for(".message.own .receipt", "Delivered")

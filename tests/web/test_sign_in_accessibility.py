"""The forms of sign-in are accessible: on this machine, and at an issuer, also one that fails."""

import json
import shutil
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.keys import Keys

from tests.local.gateway import serving
from tests.web.browser import Tab, missing
from tests.web.test_accessibility import AXE

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"{missing()} is not installed")

SIZES = [(1440, 900), (320, 568)]
FOCUS = "return document.activeElement.id"
OVERFLOW = "return document.documentElement.scrollWidth - document.documentElement.clientWidth"

# The name of a host that does not exist: RFC 6761.
ISSUER = "https://issuer.invalid/"


@pytest.mark.parametrize("place", ["this machine", "an issuer"])
def test_signed_out_page_is_accessible(
    app: Path, tmp_path: Path, driver: Chrome, node: Path, place: str
) -> None:
    axe = (node / "axe-core" / "axe.min.js").read_text()
    project = shutil.copytree(app, tmp_path / "app")
    path = project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    variables = config["stages"]["dev"]["environment_variables"]
    variables["AUTH"] = "jwt"
    if place == "an issuer":
        variables |= {"AUTH_ISSUER": ISSUER, "AUTH_AUDIENCE": "page"}
        settings = {"sign_in": {"issuer": ISSUER, "client_id": "page"}}
        (project / "web" / "config.json").write_text(json.dumps(settings))
    path.write_text(json.dumps(config))

    def check(tab: Tab, state: str) -> None:
        for width, height in SIZES:
            tab.resize(width, height)
            for scheme, forced in (("light", "none"), ("dark", "none"), ("light", "active")):
                tab.media({"prefers-color-scheme": scheme, "forced-colors": forced})
                assert driver.execute_async_script(AXE) == [], f"{state} {width} {scheme} {forced}"
            assert driver.execute_script(OVERFLOW) <= 0, f"{state} {width}"

    with serving(project, project, tmp_path) as gateway:
        tab = Tab(driver, gateway.page, state="Signed out")
        driver.execute_script(axe)
        check(tab, "signed out")
        # The keyboard alone does it.
        field = "sign-in-button" if place == "an issuer" else "user-input"
        assert driver.execute_script(FOCUS) == field
        if place == "an issuer":
            driver.switch_to.active_element.send_keys(Keys.ENTER)
            problem = f"{ISSUER} does not answer as an issuer; check sign_in in config.json"
            tab.wait_for("#status", f"Sign-in failed: {problem}.")
            check(tab, "the issuer does not answer")
        else:
            driver.switch_to.active_element.send_keys("ann" + Keys.ENTER)
            tab.wait_for("#state", "Online")
            driver.execute_script(axe)
            tab.click("#open-profile")
            check(tab, "settings of a user")

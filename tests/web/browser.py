"""Tabs of a real, headless Chromium, driven by selenium."""

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
]
# A limit for what must happen, however busy the machine is. It only ends a test that hangs.
SECONDS = 120


def missing() -> str | None:
    """Return the program that is not installed, or None."""
    return next((name for name in ("chromium", "chromedriver") if not shutil.which(name)), None)


@contextmanager
def chromium(
    profile: Path, *more_flags: str, preferences: dict[str, object] | None = None
) -> Iterator[webdriver.Chrome]:
    """A browser with an empty profile, ended with the block."""
    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in (*FLAGS, f"--user-data-dir={profile}", *more_flags):
        options.add_argument(flag)
    options.add_experimental_option("prefs", preferences or {})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()


def close_tabs(driver: webdriver.Chrome) -> None:
    """Close all tabs but the first, which stays empty, and forget their complaints."""
    first, *others = driver.window_handles
    for handle in others:
        driver.switch_to.window(handle)
        driver.close()
    driver.switch_to.window(first)
    driver.get("about:blank")
    driver.get_log("browser")  # type: ignore[no-untyped-call]


def wait_until(is_so: Callable[[], bool], report: Callable[[], object]) -> None:
    """Wait until something is so; raises AssertionError with a report if it never is."""
    end = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < end, report()
        time.sleep(0.05)


class Tab:
    """One tab with the app's page."""

    def __init__(
        self,
        driver: webdriver.Chrome,
        url: str,
        width: int = 1200,
        height: int = 800,
        state: str = "Online",
    ) -> None:
        self._driver = driver
        driver.switch_to.new_window("tab")
        self._handle = driver.current_window_handle
        self.resize(width, height)
        self.visit(url)
        self.wait_for("#state", state)

    def visit(self, url: str) -> None:
        """Leave the page for another, or for itself anew."""
        self._front()
        self._driver.get(url)

    def close(self) -> None:
        """Close the tab, as its user does."""
        self._front()
        self._driver.close()

    def texts(self, css: str) -> list[str]:
        """The text of each element that matches."""
        self._front()
        script = "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)"
        return list(self._driver.execute_script(script, css))

    def value(self, css: str) -> str:
        """The text in a field."""
        self._front()
        return str(self._driver.find_element(By.CSS_SELECTOR, css).get_property("value"))

    def run(self, script: str) -> None:
        """Run JavaScript in the page."""
        self._front()
        self._driver.execute_script(script)

    def wait_for(self, css: str, text: str) -> None:
        """Wait until an element that matches has the text; raises AssertionError."""
        wait_until(lambda: text in self.texts(css), lambda: f"{css} says {self.texts(css)}")

    def visible(self, css: str) -> bool:
        """Return whether an element is visible."""
        self._front()
        return bool(self._driver.find_element(By.CSS_SELECTOR, css).is_displayed())

    def hidden(self, css: str) -> bool:
        """Return whether an element is not visible."""
        return not self.visible(css)

    def enter(self, css: str, text: str) -> None:
        """Type into a field, as soon as it is shown, and press Enter."""
        wait_until(lambda: self.visible(css), lambda: f"{css} is not shown")
        field = self._driver.find_element(By.CSS_SELECTOR, css)
        field.clear()
        field.send_keys(text + Keys.ENTER)

    def resize(self, width: int, height: int) -> None:
        """Give the page another size, in pixels."""
        self._front()
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self._driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def take_name(self, name: str) -> None:
        """Give oneself a name: on the first visit, or in the settings."""
        wait_until(lambda: self.visible("#welcome") or self.visible("#open-profile"), lambda: "?")
        if not self.visible("#name-input"):
            self.click("#open-profile")
        self.enter("#name-input", name)
        # A connection that ends meanwhile may take the line in the messages with it.
        self.wait_for("#profile-name", name)

    def join(self, channel: str) -> None:
        """Join a channel, and see it."""
        self.enter("#channel-input", channel)
        self.wait_for("#title", channel)

    def say(self, text: str) -> None:
        """Write a message in the channel that is shown."""
        self.enter("#message-input", text)

    def draft(self, text: str) -> None:
        """Put a text, which may have several lines, into the field for messages."""
        self._front()
        script = """const field = document.querySelector("#message-input");
          field.value = arguments[0];
          field.dispatchEvent(new Event("input"));"""
        self._driver.execute_script(script, text)

    def write(self, text: str) -> None:
        """Send a message that may have several lines."""
        self.draft(text)
        self.run("document.querySelector('#composer').requestSubmit()")

    def messages(self) -> list[str]:
        """The messages that are shown, on their way or there, first to last."""
        return self.texts("#messages .message .data")

    def shows(self, count: int) -> None:
        """Wait until there are so many messages, on their way or there."""
        wait_until(lambda: len(self.messages()) == count, self.messages)

    def hears(self, *texts: str) -> None:
        """Wait until these messages are there, and see that there are no others and no doubles."""
        arrived = "#messages .message:not(.pending) .data"
        wait_until(lambda: self.texts(arrived) == list(texts), lambda: self.texts(arrived))

    def click(self, css: str) -> None:
        """Click on what matches first."""
        self._front()
        self._driver.find_element(By.CSS_SELECTOR, css).click()

    def retry(self) -> None:
        """Press "Retry now", which may be gone by itself meanwhile."""
        self._front()
        self._driver.execute_script("document.querySelector('#retry').click()")

    def offline(self, offline: bool) -> None:
        """Take the tab's network away, or give it back."""
        self._front()
        conditions = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self._driver.execute_cdp_cmd("Network.enable", {})
        self._driver.execute_cdp_cmd(
            "Network.emulateNetworkConditions", {"offline": offline, **conditions}
        )

    def media(self, features: dict[str, str]) -> None:
        """Change what the user prefers, such as dark colours."""
        self._front()
        pairs = [{"name": name, "value": value} for name, value in features.items()]
        self._driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": pairs})

    def console(self) -> list[str]:
        """Return the browser's messages since the last call."""
        self._front()
        entries = self._driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in entries]

    def picture(self, path: Path, dark: bool = False) -> None:
        """Save what the tab shows."""
        self._front()
        self.media({"prefers-color-scheme": "dark" if dark else "light"})
        self._driver.save_screenshot(str(path))

    def _front(self) -> None:
        self._driver.switch_to.window(self._handle)

"""A page in a real, headless Firefox, driven by WebDriver BiDi, which Firefox speaks itself.

The commands are those of https://w3c.github.io/webdriver-bidi/.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import connect
from websockets.sync.connection import Connection

from tests.web.browser import SECONDS, wait_until

PREFERENCES = """
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("app.update.enabled", false);
user_pref("network.proxy.type", 0);
"""


def missing() -> str | None:
    """Return the program that is not installed, or None."""
    return None if shutil.which("firefox-esr") else "firefox-esr"


class Page:
    """One tab of Firefox.

    Attributes:
        errors: the errors in the page's console, and exceptions that nobody caught.
    """

    def __init__(self, socket: Connection) -> None:
        self._socket = socket
        self._last_id = 0
        self.errors: list[str] = []
        self.command("session.new", capabilities={})
        self.command("session.subscribe", events=["log.entryAdded"])
        # The first tab of a window has no focus, so that no key presses a button there.
        self._context = self.command("browsingContext.create", type="tab")["context"]

    def command(self, method: str, **params: Any) -> dict[str, Any]:
        """Run a command of WebDriver BiDi, and return its result."""
        self._last_id += 1
        command = {"id": self._last_id, "method": method, "params": params}
        self._socket.send(json.dumps(command))
        while True:
            reply = json.loads(self._socket.recv(SECONDS))
            if reply.get("method") == "log.entryAdded" and reply["params"]["level"] == "error":
                self.errors.append(reply["params"]["text"])
            if reply.get("id") == self._last_id:
                assert reply["type"] == "success", reply
                return dict(reply["result"])

    def visit(self, url: str) -> None:
        """Open a page, and wait until it is loaded."""
        self.command("browsingContext.navigate", context=self._context, url=url, wait="complete")

    def resize(self, width: int, height: int) -> None:
        """Give the page another size, in pixels."""
        size = {"width": width, "height": height}
        self.command("browsingContext.setViewport", context=self._context, viewport=size)

    def run(self, script: str) -> Any:
        """Return the value of a JavaScript expression, as JSON has it."""
        result = self.command(
            "script.evaluate",
            expression=f"JSON.stringify({script})",
            target={"context": self._context},
            awaitPromise=False,
            userActivation=True,
        )
        assert result["type"] == "success", result
        return json.loads(result["result"].get("value", "null"))

    def press(self, *keys: str) -> None:
        """Press and release keys in the element that has the focus."""
        actions = [{"type": kind, "value": key} for key in keys for kind in ("keyDown", "keyUp")]
        source = {"type": "key", "id": "keyboard", "actions": actions}
        self.command("input.performActions", context=self._context, actions=[source])

    def click(self, x: int, y: int) -> None:
        """Click on a point of the page."""
        move = {"type": "pointerMove", "x": x, "y": y}
        actions = [move, *({"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp"))]
        source = {"type": "pointer", "id": "mouse", "actions": actions}
        self.command("input.performActions", context=self._context, actions=[source])

    def wait_for(self, script: str) -> None:
        """Wait until a JavaScript expression is true."""
        wait_until(lambda: bool(self.run(f"Boolean({script})")), lambda: script)


@contextmanager
def firefox(folder: Path) -> Iterator[Page]:
    """Run Firefox with an empty profile in a folder, and end it with the block."""
    (folder / "user.js").write_text(PREFERENCES)
    log = folder / "firefox.log"
    arguments = ["--headless", "--no-remote", "--profile", str(folder), "--remote-debugging-port=0"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["firefox-esr", *arguments, "about:blank"], stdout=output, stderr=output
        )
    try:
        wait_until(lambda: "BiDi listening on" in log.read_text(), log.read_text)
        found = re.search(r"ws://\S+", log.read_text())
        assert found
        with connect(f"{found[0]}/session", max_size=None, proxy=None) as socket:
            yield Page(socket)
    finally:
        process.terminate()
        process.wait()

"""The examples of docs/page.md at work: plain, in React's StrictMode, in Vue, and a bot in Node."""

import http.server
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome
from websockets.sync.client import ClientConnection

from tests.conftest import RAW
from tests.local.gateway import SECONDS, ask, client, poll, serving
from tests.web.browser import missing, wait_until
from tests.web.test_library import examples

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(bool(missing()), reason=f"{missing()} is not installed"),
]

REACT = """
import { createElement, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { useChannel } from "./example1.jsx";

function List() {
  const messages = useChannel(URL_OF_APP, "lobby");
  return messages.map(({ message_id, data }) => createElement("li", { key: message_id }, data));
}
const root = createRoot(document.querySelector("#react"));
root.render(createElement(StrictMode, null, createElement(List)));
"""

VUE = """
import { createApp, h } from "vue";
import { useChannel } from "./example2.js";

createApp({
  setup() {
    const messages = useChannel(URL_OF_APP, "lobby");
    return () => messages.value.map(({ message_id, data }) => h("li", { key: message_id }, data));
  },
}).mount("#vue");
"""

PAGE = """<!doctype html><ul id="react"></ul><ul id="vue"></ul>
<script type="module" src="out/react.js"></script><script type="module" src="out/vue.js"></script>
<script type="module" src="out/example0.js"></script>
"""

LIST = "return [...document.querySelectorAll(arguments[0])].map((each) => each.textContent)"


@contextmanager
def site(folder: Path) -> Iterator[str]:
    """Serve a folder, and yield its origin."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = partial(Handler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def bundle(folder: Path, node: Path, url: str) -> None:
    """Write the examples to a folder, with the client installed from its own, and bundle them."""
    (folder / "package.json").write_text('{"type": "module"}')
    for number, (language, text) in enumerate(examples()):
        (folder / f"example{number}.{language}").write_text(text.replace("wss://...", url))
    (folder / "react.js").write_text(REACT.replace("URL_OF_APP", json.dumps(url)))
    (folder / "vue.js").write_text(VUE.replace("URL_OF_APP", json.dumps(url)))
    (folder / "index.html").write_text(PAGE)
    shutil.copytree(RAW / "web" / "client", folder / "node_modules" / "chalice-ws-client")
    esbuild = [str(node / ".bin" / "esbuild"), "react.js", "vue.js", "example0.js", "example3.js"]
    options = ["--bundle", "--format=esm", "--outdir=out"]
    # StrictMode does more in development.
    options += ['--define:process.env.NODE_ENV="development"']
    done = subprocess.run(
        [*esbuild, *options],
        cwd=folder,
        env={**os.environ, "NODE_PATH": str(node)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


@contextmanager
def bot(folder: Path, node: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run the bot in Node 22, and end it as a supervisor does."""
    command = [str(node / "node22" / "bin" / "node"), str(folder / "out" / "example3.js")]
    with subprocess.Popen(command) as process:
        try:
            yield process
        finally:
            process.terminate()


def test_examples_of_the_documentation_work(
    app: Path, tmp_path: Path, driver: Chrome, node: Path
) -> None:
    folder = tmp_path / "site"
    folder.mkdir()
    with site(folder) as origin, serving(app, app, tmp_path, f"--allow-origin={origin}") as gateway:
        bundle(folder, node, gateway.url)
        with bot(folder, node), client(gateway.url) as guest:
            ask(guest, '{"action": "join", "channel": "tea"}')
            driver.get(f"{origin}/index.html")

            poll(lambda: "It is ready" in str(guest.recv(SECONDS)) or None)
            # Two of the page, the bot, the plain example and this one; React's first is closed.
            wait_until(lambda: members(guest) == 5, lambda: members(guest))
            guest.send('{"action": "broadcast", "data": "ping"}')
            for root in ("#react", "#vue"):
                texts = partial(driver.execute_script, LIST, f"{root} li")
                wait_until(lambda texts=texts: texts() == ["ping", "pong"], texts)  # type: ignore[misc]


def members(socket: ClientConnection) -> int:
    """Return the number of the lobby's members."""
    socket.send('{"action": "who", "channel": "lobby", "id": "who"}')
    reply = poll(lambda: of_request(str(socket.recv(SECONDS))))
    return len(reply["members"])


def of_request(text: str) -> dict[str, Any] | None:
    """Return a frame if it is the reply of a request."""
    frame = json.loads(text)
    return dict(frame) if "id" in frame else None

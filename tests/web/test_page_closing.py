"""Tests of the page while its connection closes."""

from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.local.gateway import serving
from tests.web.browser import Tab, missing, wait_until
from tests.web.closing_server import closing_server

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(bool(missing()), reason=f"{missing()} is not installed"),
]

# The page's socket, found through its next frame.
FIND_SOCKET = """
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (text) {
  window.socket = this;
  return send.call(this, text);
};
"""

# The browser ends a closing connection after 2 s: the page itself must be quick enough.
SEND_WHEN_CLOSING = """
const timer = setInterval(() => {
  if (socket.readyState < WebSocket.CLOSING) return;
  clearInterval(timer);
  document.querySelector("#message-input").value = "while closing";
  document.querySelector("#composer").requestSubmit();
});
"""


def test_broadcast_on_a_closing_connection_arrives_once(
    app: Path, tmp_path: Path, driver: Chrome
) -> None:
    with closing_server() as server, serving(app, app, tmp_path) as gateway:
        tab = Tab(driver, f"{gateway.page}?url={server.url}")
        tab.run(FIND_SOCKET)
        tab.say("before")
        tab.hears("before")
        tab.run(SEND_WHEN_CLOSING)
        server.send_close_frame()
        # The page answers although the connection is neither open nor closed.
        wait_until(lambda: tab.messages() == ["before", "while closing"], tab.messages)
        server.end_tcp()
        tab.hears("before", "while closing")
        tab.say("after")
        tab.hears("before", "while closing", "after")
        assert server.broadcasts == ["before", "while closing", "after"]

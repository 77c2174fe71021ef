"""The page finds its server in another stage and behind proxies, and no other site frames it."""

import http.server
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.local.gateway import Gateway, configure, serving
from tests.web.browser import Tab, missing, wait_until
from tests.web.prefix_proxy import prefix_proxy

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"{missing()} is not installed")


@pytest.fixture(scope="module")
def staged(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with the default app in stage "ws"."""
    tmp = tmp_path_factory.mktemp("staged")
    project = shutil.copytree(app, tmp / "app")
    configure(project, api_gateway_stage="ws")
    with serving(app, project, tmp) as gateway:
        assert gateway.stage == "ws"
        yield gateway


def test_page_in_another_stage_finds_its_server(staged: Gateway, driver: Chrome) -> None:
    tab = Tab(driver, staged.page)
    tab.say("in ws")
    tab.wait_for(".message.own .receipt", "Delivered")
    assert tab.console() == []


@pytest.mark.parametrize(
    ("prefix", "strips"),
    [("/proxy/8000", True), ("/proxy/8000", False), ("/apps/chat", True)],
)
def test_page_behind_a_path_prefix_finds_its_server(
    staged: Gateway, driver: Chrome, prefix: str, strips: bool
) -> None:
    with prefix_proxy(staged, prefix, strips) as page:
        tab = Tab(driver, page)
        tab.say(f"behind {prefix}, {strips}")
        tab.wait_for(".message.own .receipt", "Delivered")
        tab.visit(page)
        tab.wait_for(".message.own .data", f"behind {prefix}, {strips}")
        assert tab.console() == []


@contextmanager
def site_with_a_frame(tmp_path: Path, page: str) -> Iterator[str]:
    """Serve another site that shows the page in a frame."""
    (tmp_path / "index.html").write_text(f'<body><iframe src="{page}"></iframe>')

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    handler = partial(Handler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


def test_other_site_cannot_show_the_page_in_a_frame(
    staged: Gateway, driver: Chrome, tmp_path: Path
) -> None:
    tab = Tab(driver, staged.page)
    with site_with_a_frame(tmp_path, staged.page) as site:
        tab.visit(site)
        wait_until(lambda: "frame-ancestors" in " ".join(tab.console()), lambda: "it is framed")

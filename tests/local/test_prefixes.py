"""The gateway behind proxies: their path prefixes, with TLS in front, and in another stage."""

import http.client
import json
import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.local.gateway import APPS, SECONDS, Gateway, ask, client, configure, serving

# Of JupyterHub, of Jupyter's and code-server's proxies that leave the prefix, and of SageMaker.
PREFIXES = [
    "",
    "/proxy/8000",
    "/user/ann/proxy/8000",
    "/user/ann%40x/proxy/absolute/8000",
    "/absproxy/3000",
    "/jupyterlab/default/proxy/8000",
    "/codeeditor/default/absports/8000",
]

PAGE = "https://hub.example.com"


@pytest.fixture(scope="module")
def staged(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with a page, in a stage that is not "api", which other hosts may use."""
    tmp = tmp_path_factory.mktemp("staged")
    project = tmp / "bare"
    project.mkdir()
    for name in (".chalice/config.json", "app.py", "web/index.html", "web/page/app.js"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        source = APPS / "bare" / name if (APPS / "bare" / name).exists() else app / name
        (project / name).write_bytes(source.read_bytes())
    # An owner may have this file for a page that is served elsewhere.
    (project / "web" / "config.json").write_text('{"url": "wss://elsewhere.example"}')
    configure(project, api_gateway_stage="v-1")
    with serving(app, project, tmp, f"--allow-origin={PAGE}") as gateway:
        yield gateway


@pytest.mark.parametrize("prefix", PREFIXES)
def test_page_behind_a_prefix_is_served(staged: Gateway, prefix: str) -> None:
    page = staged.http("GET", f"{prefix}/")
    assert (page.status, b"<html" in page.body) == (200, True)
    assert staged.http("GET", f"{prefix}/page/app.js").status == 200
    assert staged.http("GET", f"{prefix}/page/none.js").status == 404


@pytest.mark.parametrize("prefix", PREFIXES)
def test_page_behind_a_prefix_is_told_the_stage(staged: Gateway, prefix: str) -> None:
    answer = staged.http("GET", f"{prefix}/config.json")
    assert json.loads(answer.body) == {"url": "v-1"}
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("prefix", PREFIXES)
def test_websocket_behind_a_prefix_is_accepted(staged: Gateway, prefix: str) -> None:
    mark = secrets.token_hex(4)
    with client(f"ws://127.0.0.1:{staged.port}{prefix}/v-1?mark={mark}") as guest:
        assert ask(guest, "hello") == "hello"
    assert staged.wait_for_connect(mark)["queryStringParameters"] == {"mark": mark}


@pytest.mark.parametrize("prefix", PREFIXES[1:])
def test_prefix_without_a_slash_is_redirected(staged: Gateway, prefix: str) -> None:
    answer = staged.http("GET", prefix)
    assert (answer.status, answer.headers["Location"]) == (302, prefix.rpartition("/")[2] + "/")


@pytest.mark.parametrize("path", ["/proxy/x/", "/other/8000/", "/v-1/proxy/8000/"])
def test_path_that_is_no_prefix_is_not_found(staged: Gateway, path: str) -> None:
    assert staged.http("GET", path).status in (403, 404)


def test_websocket_behind_tls_has_the_proxys_headers(staged: Gateway) -> None:
    mark = secrets.token_hex(4)
    headers = {
        "Host": "hub.example.com",
        "Origin": PAGE,
        "X-Forwarded-For": "198.51.100.7",
        "X-Forwarded-Proto": "https",
    }
    with closing(http.client.HTTPConnection("127.0.0.1", staged.port, SECONDS)) as connection:
        upgrade = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
        }
        connection.request("GET", f"/v-1?mark={mark}", headers={**headers, **upgrade})
        assert connection.getresponse().status == 101
        event = staged.wait_for_connect(mark)
    assert event["requestContext"]["domainName"] == "hub.example.com"
    found = {name: values for name, values in event["multiValueHeaders"].items() if "X-F" in name}
    assert found == {
        "X-Forwarded-For": ["198.51.100.7, 127.0.0.1"],
        "X-Forwarded-Port": ["443"],
        "X-Forwarded-Proto": ["https"],
    }

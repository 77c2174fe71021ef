"""The addresses of the gateway, and web pages of other servers that must not use it."""

import http.client
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

from tests.local.gateway import (
    SECONDS,
    Answer,
    Gateway,
    ask,
    client,
    dynamodb,
    running,
    serving,
)

OTHER_ORIGINS = [
    "http://evil.example",
    "https://127.0.0.1.evil.example",
    "http://127.0.0.1",
    "null",
]
OTHER_HOSTS = [
    "evil.example",
    "127.0.0.1.evil.example",
    "localhost.evil.example",
    "a@127.0.0.1",
    "1.2.3.4",
]


def request(port: int, path: str, method: str = "GET", **headers: str) -> Answer:
    """Send an HTTP request with headers of its own."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, SECONDS)) as connection:
        connection.request(method, path, headers=headers)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


@pytest.fixture(scope="module")
def paged(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with the web page of the generated app."""
    with serving(app, app, tmp_path_factory.mktemp("paged")) as gateway:
        yield gateway


# Origin and Host


@pytest.mark.parametrize("origin", OTHER_ORIGINS)
def test_page_of_another_server_cannot_open_a_websocket(bare: Gateway, origin: str) -> None:
    with pytest.raises(InvalidStatus) as refused, client(bare.url, origin=Origin(origin)):
        pass
    assert refused.value.response.status_code == 403
    bare.prints(f"the origin is not allowed (got '{origin}'); use --allow-origin")


@pytest.mark.parametrize("host", OTHER_HOSTS)
@pytest.mark.parametrize("path", ["/api", "/", "/api/@connections/AAAAAAAAAAAAAAA="])
def test_name_of_another_server_as_host_is_refused(bare: Gateway, host: str, path: str) -> None:
    answer = request(bare.port, path, Host=host, Origin=f"http://{host}")
    assert answer.status == 403
    assert b"the host is not allowed" in answer.body


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "LOCALHOST", "app.localhost", "[::1]"])
def test_page_of_the_gateway_can_open_a_websocket(bare: Gateway, name: str) -> None:
    host = f"{name}:{bare.port}"
    assert request(bare.port, "/api", Host=host, Origin=f"http://{host}").status == 426


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_page_of_the_gateway_can_use_another_name_of_this_machine(
    bare: Gateway, name: str, host: str
) -> None:
    origin = f"http://{name}:{bare.port}"
    assert request(bare.port, "/api", Host=f"{host}:{bare.port}", Origin=origin).status == 426
    # A page of another server on this machine.
    other = f"http://{name}:{bare.port + 1}"
    assert request(bare.port, "/api", Host=f"{host}:{bare.port}", Origin=other).status == 403


def test_allowed_origin_can_open_a_websocket(app: Path, tmp_path: Path) -> None:
    allowed = ["http://localhost:5173", "https://proxy.example"]
    options = [f"--allow-origin={origin}" for origin in allowed]
    with running(app, "bare", tmp_path, *options) as gateway:
        for origin in allowed:
            with client(gateway.url, origin=Origin(origin)) as guest:
                assert ask(guest, "hello") == "hello"
        # A proxy may pass its own name.
        headers = {"Host": "proxy.example", "Origin": "https://proxy.example"}
        assert request(gateway.port, "/api", **headers).status == 426
        assert request(gateway.port, "/api", Origin="http://localhost:5174").status == 403
        # The AWS APIs are never available to web pages.
        path = "/2015-03-31/functions/echo/invocations"
        assert request(gateway.port, path, "POST", Origin=allowed[0]).status == 403


def test_gateway_for_the_network_takes_addresses_as_host(app: Path, tmp_path: Path) -> None:
    with running(app, "bare", tmp_path, "--host=0.0.0.0") as gateway:
        assert request(gateway.port, "/api", Host=f"192.168.1.5:{gateway.port}").status == 426
        assert request(gateway.port, "/api", Host="evil.example").status == 403


def test_web_page_cannot_use_the_database(app: Path) -> None:
    with dynamodb(app) as url:
        port = int(url.rpartition(":")[2])
        target = {"X-Amz-Target": "DynamoDB_20120810.ListTables", "Content-Type": "text/plain"}
        evil = "http://evil.example"
        assert request(port, "/", "POST", **target).status == 200
        assert request(port, "/", "POST", Origin=evil, **target).status == 403
        assert request(port, "/", "POST", Host="evil.example", **target).status == 403
        preflight = request(port, "/", "OPTIONS", Origin=evil)
        assert preflight.status == 403
        assert "Access-Control-Allow-Origin" not in preflight.headers
        assert request(port, "/moto-api/reset", "POST", Origin=evil).status == 403
        # An image or a script of a page has no Origin.
        get = "/?Action=ListQueues&Version=2012-11-05"
        assert request(port, get).status == 200
        for site in ("cross-site", "same-site"):
            assert request(port, get, **{"Sec-Fetch-Site": site}).status == 403


# Addresses


def has_ipv6() -> bool:
    with suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


def listens(name: str, port: int) -> bool:
    """Return whether something listens on an address."""
    with suppress(OSError), socket.create_connection((name, port), SECONDS):
        return True
    return False


def test_gateway_listens_on_both_loopback_addresses(bare: Gateway) -> None:
    for name in ["127.0.0.1", "localhost", *(["[::1]"] if has_ipv6() else [])]:
        with client(f"ws://{name}:{bare.port}/{bare.stage}") as guest:
            assert ask(guest, "hello") == "hello"


def test_gateway_on_one_address_does_not_listen_on_another(app: Path, tmp_path: Path) -> None:
    with running(app, "bare", tmp_path, "--host=127.0.0.1") as gateway:
        assert listens("127.0.0.1", gateway.port)
        assert not listens("::1", gateway.port)


@pytest.mark.parametrize("path", ["", "/dev", "/page/page.js", "/api/more"])
def test_handshake_without_the_stage_is_refused(paged: Gateway, path: str) -> None:
    right = f"ws://127.0.0.1:{paged.port}/{paged.stage}"
    with (
        pytest.raises(InvalidStatus) as refused,
        client(f"ws://127.0.0.1:{paged.port}{path}"),
    ):
        pass
    assert refused.value.response.status_code == 403
    assert right.encode() in (refused.value.response.body or b"")
    paged.prints(f"refused a WebSocket at {path or '/'}; use {right}")


# Headers of web files


def test_pages_forbid_frames_of_other_sites(paged: Gateway) -> None:
    for path in ("/", "/index.html"):
        policy = paged.http("GET", path).headers["Content-Security-Policy"]
        assert policy == "frame-ancestors 'self'"


def test_browsers_ask_for_web_files_again(paged: Gateway) -> None:
    web = paged.project / "web"
    files = [path.relative_to(web).as_posix() for path in web.rglob("*.js")]
    assert files
    for name in ["", "index.html", *files]:
        answer = paged.http("GET", f"/{name}")
        assert answer.status == 200
        assert answer.headers["Cache-Control"] == "no-cache"
        again = request(paged.port, f"/{name}", **{"If-None-Match": answer.headers["ETag"]})
        assert again.status == 304
        assert again.headers["Cache-Control"] == "no-cache"

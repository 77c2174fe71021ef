"""REST routes and the web pages that may call them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.gateway import Gateway, running
from tests.local.test_rest import call

OWN = "the gateway's own"
LOCAL = "http://localhost:5173"
PARTNER = "https://partner.example"
FOREIGN = "https://evil.example"
ALLOWED = "https://dev.example"


@pytest.fixture(scope="module")
def rest(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run the app with REST routes, and one origin that is allowed."""
    folder = tmp_path_factory.mktemp("rest")
    with running(app, "rest", folder, f"--allow-origin={ALLOWED}") as gateway:
        yield gateway


@pytest.mark.parametrize(
    ("origin", "method", "path", "status"),
    [
        (OWN, "GET", "/large", 200),
        (OWN, "POST", "/public", 200),
        (ALLOWED, "GET", "/large", 200),
        (ALLOWED, "POST", "/public", 200),
        (LOCAL, "POST", "/public", 200),
        (LOCAL, "OPTIONS", "/public", 200),
        ("http://[::1]:3000", "POST", "/public", 200),
        (LOCAL, "GET", "/large", 403),
        (LOCAL, "PUT", "/partner", 403),
        (PARTNER, "PUT", "/partner", 200),
        (PARTNER, "OPTIONS", "/partner", 200),
        (PARTNER, "POST", "/public", 403),
        (FOREIGN, "POST", "/public", 403),
        (FOREIGN, "OPTIONS", "/public", 403),
        (FOREIGN, "GET", "/large", 403),
        (FOREIGN, "PUT", "/partner", 403),
        ("http://localhost.evil.example", "POST", "/public", 403),
        ("null", "POST", "/public", 403),
    ],
)
def test_page_may_call_what_its_origin_allows(
    rest: Gateway, origin: str, method: str, path: str, status: int
) -> None:
    origin = rest.page.rstrip("/") if origin == OWN else origin
    answer = call(rest, method, path, Origin=origin)
    assert answer.status == status, answer
    if status == 403:
        rest.prints(f"may not call {path} (got {origin!r}); use --allow-origin")


def test_preflight_has_the_headers_of_the_route(rest: Gateway) -> None:
    answer = call(rest, "OPTIONS", "/partner", Origin=PARTNER)
    assert answer.headers["Access-Control-Allow-Origin"] == PARTNER
    assert answer.headers["Access-Control-Allow-Methods"] == "PUT,OPTIONS"
    assert answer.headers["Access-Control-Max-Age"] == "60"
    assert call(rest, "PUT", "/partner").headers["Access-Control-Allow-Origin"] == PARTNER


def test_options_of_the_app_runs(rest: Gateway) -> None:
    assert call(rest, "OPTIONS", "/own-options").body == b'{"own":true}'


def test_image_of_another_page_is_refused_and_a_link_is_not(rest: Gateway) -> None:
    image = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "no-cors"}
    assert call(rest, "GET", "/large", b"", **image).status == 403
    link = {"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}
    assert call(rest, "GET", "/large", b"", **link).status == 200


def test_name_that_leads_here_is_refused(rest: Gateway) -> None:
    assert call(rest, "GET", "/large", Host="evil.example").status == 403
    assert call(rest, "GET", "/large", Host="dev.example").status == 200


def test_management_api_stays_closed_to_pages(rest: Gateway) -> None:
    path = "/@connections/PJqB0fHsqRcCHlw="
    assert call(rest, "POST", path, Origin=rest.page.rstrip("/")).status == 403
    assert call(rest, "POST", path).status == 410

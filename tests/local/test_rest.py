"""REST routes, as clients of API Gateway see them."""

import base64
import gzip
import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.local.boto3_client import boto3_client
from tests.local.gateway import SECONDS, Answer, Gateway, ask, client, running

MB = 1024 * 1024


@pytest.fixture(scope="module", params=["--workers=2", "--workers=0"])
def rest(
    request: pytest.FixtureRequest, app: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """Run the app with REST routes, with workers and without."""
    with running(app, "rest", tmp_path_factory.mktemp("rest"), request.param) as gateway:
        yield gateway


def call(gateway: Gateway, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
    """Send a request to a path of the stage. Underscores in names of headers stand for dashes."""
    with closing(http.client.HTTPConnection("127.0.0.1", gateway.port, SECONDS)) as connection:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, f"/{gateway.stage}{path}", body, named)
        response = connection.getresponse()
        return Answer(response.status, response.headers, response.read())


def value(answer: Answer) -> Any:
    """Return the JSON value of an answer with status 200."""
    assert answer.status == 200, answer
    return json.loads(answer.body)


def test_route_has_the_fields_of_api_gateway(rest: Gateway) -> None:
    path = "/echo/a%20b/c?x=1&x=2&empty=&space=a%20b"
    seen = value(
        call(rest, "GET", path, User_Agent="tests", Cookie="a=1", X_Forwarded_For="1.2.3.4")
    )
    assert (seen["name"], seen["more"], seen["method"]) == ("a%20b", "c", "GET")
    assert seen["query"] == {"x": ["1", "2"], "empty": [""], "space": ["a b"]}
    assert seen["headers"]["cookie"] == "a=1"
    assert seen["headers"]["x-forwarded-for"] == "1.2.3.4, 127.0.0.1"
    event = seen["event"]
    assert event["headers"]["User-Agent"] == "tests"
    assert event["multiValueHeaders"]["User-Agent"] == ["tests"]
    assert event["queryStringParameters"] == {"x": "2", "empty": "", "space": "a b"}
    assert (event["resource"], event["httpMethod"]) == ("/echo/{name}/{more}", "GET")
    assert event["path"] == "/echo/a%20b/c"
    assert (event["body"], event["isBase64Encoded"], event["stageVariables"]) == (None, False, None)
    context = event["requestContext"]
    assert context["path"] == "/api/echo/a%20b/c"
    assert (context["stage"], context["apiId"]) == ("api", "local")
    assert context["domainName"] == f"127.0.0.1:{rest.port}"
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert context["identity"]["userAgent"] == "tests"
    assert context["requestId"]


def test_route_runs_with_the_function_and_variables_of_the_routes(rest: Gateway) -> None:
    seen = value(call(rest, "GET", "/echo/a/b"))
    assert (seen["function"], seen["variable"]) == ("rest-dev", "of the routes")


def test_body_reaches_the_route(rest: Gateway) -> None:
    seen = value(
        call(rest, "POST", "/echo/a/b", b'{"a": "\xc3\xa4"}', Content_Type="application/json")
    )
    assert seen["json"] == {"a": "ä"}
    assert seen["event"]["body"] == '{"a": "ä"}'


def test_fixed_path_wins_over_a_parameter(rest: Gateway) -> None:
    assert value(call(rest, "GET", "/echo/fixed/x")) == {"fixed": "x"}
    assert value(call(rest, "GET", "/echo/fixed/x/")) == {"fixed": "x"}


def test_path_like_that_of_a_proxy_is_a_route(rest: Gateway) -> None:
    assert call(rest, "GET", "/ports/3").body == b"3"
    assert rest.http("GET", f"/proxy/{rest.port}/{rest.stage}/ports/3").body == b"3"


@pytest.mark.parametrize("path", ["", "/"])
def test_stage_itself_is_the_root_route(rest: Gateway, path: str) -> None:
    assert value(call(rest, "GET", path)) == {"hello": "root"}


def test_websocket_beside_routes_answers(rest: Gateway) -> None:
    with client(rest.url) as guest:
        assert ask(guest, "hello") == "hello"


@pytest.mark.parametrize(
    ("kind", "body"),
    [("application/x-own", bytes(range(256))), ("multipart/form-data; boundary=x", b"\xff\x00")],
)
def test_binary_body_returns_unchanged(rest: Gateway, kind: str, body: bytes) -> None:
    answer = call(rest, "POST", "/upload", body, Content_Type=kind, Accept="application/x-own")
    assert (answer.status, answer.body) == (200, body)
    assert answer.headers["Content-Type"] == "application/x-own"


def test_text_that_is_not_utf8_is_replaced(rest: Gateway) -> None:
    kind = "application/x-www-form-urlencoded"
    answer = call(rest, "POST", "/form", b"a=\xff", Content_Type=kind)
    assert answer.body.decode() == "a=\ufffd"


def test_wrong_content_type_is_415(rest: Gateway) -> None:
    answer = call(rest, "POST", "/upload", b"x", Content_Type="text/plain")
    assert answer.status == 415


def test_head_has_no_body(rest: Gateway) -> None:
    answer = call(rest, "HEAD", "/echo/a/b")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nowhere"),
        ("GET", "/echo/a"),
        ("HEAD", "/large"),
        ("DELETE", "/echo/a/b"),
        ("OPTIONS", "/large"),
        ("POST", "/"),
    ],
)
def test_unknown_path_or_method_is_403(rest: Gateway, method: str, path: str) -> None:
    answer = call(rest, method, path)
    assert answer.status == 403
    assert answer.headers["x-amzn-ErrorType"] == "MissingAuthenticationTokenException"
    if method != "HEAD":
        assert json.loads(answer.body) == {"message": "Missing Authentication Token"}


def test_unknown_method_is_explained_in_the_terminal(rest: Gateway) -> None:
    call(rest, "PATCH", "/echo/a/b")
    rest.prints("/echo/{name}/{more} has only GET, POST, PUT, HEAD (got PATCH)")


@pytest.mark.parametrize(
    ("how", "status", "body"),
    [
        ("bad", 400, {"Code": "BadRequestError", "Message": "as ordered"}),
        (
            "raise",
            500,
            {"Code": "InternalServerError", "Message": "An internal server error occurred."},
        ),
        ("exit", 502, {"message": "Internal server error"}),
        ("bytes", 502, {"message": "Internal server error"}),
        ("header", 502, {"message": "Internal server error"}),
        ("status", 502, {"message": "Internal server error"}),
    ],
)
def test_failure_of_a_route_is_an_error(
    rest: Gateway, how: str, status: int, body: dict[str, str]
) -> None:
    answer = call(rest, "GET", f"/fail/{how}")
    assert (answer.status, json.loads(answer.body)) == (status, body)
    # The routes still work.
    assert value(call(rest, "GET", "/")) == {"hello": "root"}


def test_response_headers_reach_the_client(rest: Gateway) -> None:
    answer = call(rest, "GET", "/headers")
    assert (answer.status, answer.body) == (401, b"<p>")
    assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2"]
    assert answer.headers["Content-Type"] == "text/html"
    assert (answer.headers["X-Number"], answer.headers["X-Middleware"]) == ("1", "yes")
    assert answer.headers["x-amzn-Remapped-WWW-Authenticate"] == "Basic"
    assert "WWW-Authenticate" not in answer.headers


def test_large_response_is_compressed_on_demand(rest: Gateway) -> None:
    answer = call(rest, "GET", "/large", Accept_Encoding="gzip")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer.body) == b"x" * 20_000
    assert "Content-Encoding" not in call(rest, "GET", "/large").headers
    assert "Content-Encoding" not in call(rest, "GET", "/", Accept_Encoding="gzip").headers


def test_compressed_body_is_unpacked(rest: Gateway) -> None:
    packed = gzip.compress(b"hello")
    seen = value(call(rest, "POST", "/echo/a/b", packed, Content_Encoding="gzip"))
    assert seen["raw"] == "hello"
    for broken in (b"not gzip", packed[:-5]):
        assert call(rest, "POST", "/echo/a/b", broken, Content_Encoding="gzip").status == 400
    bomb = gzip.compress(bytes(10 * MB + 1))
    assert call(rest, "POST", "/echo/a/b", bomb, Content_Encoding="gzip").status == 413


def test_body_over_the_maximum_is_413(rest: Gateway) -> None:
    kind = "application/octet-stream"
    assert value(call(rest, "POST", "/size", bytes(4 * MB), Content_Type=kind)) == 4 * MB
    for size in (7 * MB, 10 * MB + 1):
        answer = call(rest, "POST", "/size", bytes(size), Content_Type=kind)
        assert (answer.status, json.loads(answer.body)) == (413, {"message": "Request Too Long"})


def test_response_over_the_maximum_is_502(rest: Gateway) -> None:
    assert call(rest, "GET", "/too-large").status == 502
    rest.prints("GET /too-large: the maximum of a response is 6291456 bytes")


def test_scheme_of_a_proxy_in_front_is_kept(rest: Gateway) -> None:
    seen = value(call(rest, "GET", "/echo/a/b", X_Forwarded_Proto="https", X_Forwarded_Port="443"))
    assert seen["headers"]["x-forwarded-proto"] == "https"
    assert seen["headers"]["x-forwarded-port"] == "443"
    seen = value(call(rest, "GET", "/echo/a/b"))
    assert seen["headers"]["x-forwarded-proto"] == "http"
    assert seen["headers"]["x-forwarded-port"] == str(rest.port)


def test_start_names_the_addresses_that_the_app_has(rest: Gateway, bare: Gateway) -> None:
    assert f"  REST       http://127.0.0.1:{rest.port}/api/\n" in rest.printed()
    assert "REST" not in bare.printed()
    assert "page" not in rest.printed()


def test_slow_route_is_504(app: Path, tmp_path: Path) -> None:
    with running(app, "rest", tmp_path, "--integration-timeout=1") as gateway:
        answer = call(gateway, "GET", "/fail/wait")
        (gateway.project / "released").touch()
    assert answer.status == 504
    assert json.loads(answer.body) == {"message": "Endpoint request timed out"}


def test_changed_route_is_loaded_again(app: Path, tmp_path: Path) -> None:
    with running(app, "bare", tmp_path) as gateway:
        assert call(gateway, "GET", "/new").status == 404
        file = gateway.project / "app.py"
        file.write_text(file.read_text() + "\n\n@app.route('/new')\ndef new():\n    return 'new'\n")
        gateway.prints("loaded again")
        assert call(gateway, "GET", "/new").body == b"new"


def test_route_of_the_function_can_be_invoked(rest: Gateway) -> None:
    event = value(call(rest, "GET", "/echo/a/b"))["event"]
    with boto3_client("lambda", f"http://127.0.0.1:{rest.port}") as lambda_:
        answer = lambda_.invoke(FunctionName="rest-dev", Payload=json.dumps(event))
    assert json.load(answer["Payload"])["statusCode"] == 200


def token(**claims: Any) -> str:
    """Return a token with these claims, whose signature is not valid."""
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"Bearer e30.{payload}.x"


@pytest.mark.parametrize(
    ("authorization", "status", "message"),
    [
        (None, 401, "Unauthorized"),
        ("unauthorized", 401, "Unauthorized"),
        ("deny", 403, None),
        ("policy Deny", 403, None),
        ("broken", 500, None),
        ("empty", 500, None),
    ],
)
def test_authorizer_refuses(
    rest: Gateway, authorization: str | None, status: int, message: str | None
) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    answer = call(rest, "GET", "/private/x", b"", **headers)
    assert answer.status == status
    assert json.loads(answer.body).get("message") == message


def test_context_of_the_authorizer_reaches_the_route_as_text(rest: Gateway) -> None:
    arn = "arn:aws:execute-api:us-east-1:123456789012:local/api/GET/private/x"
    seen = value(call(rest, "GET", "/private/x", Authorization="any"))
    assert seen == {"principalId": "ann", "n": "1", "yes": "true", "arn": arn}
    assert value(call(rest, "GET", "/private/x", Authorization="policy Allow")) == {
        "principalId": "p"
    }


def test_authorizer_has_its_own_header_and_variables(rest: Gateway) -> None:
    expected = {"principalId": "ticket ann", "own": "of the authorizer"}
    expected["variable"] = "of the routes"
    assert value(call(rest, "GET", "/ticket", X_Ticket="ann")) == expected
    assert value(call(rest, "GET", "/ticket", X_Ticket="ann", Authorization="x")) == expected
    assert call(rest, "GET", "/ticket", Authorization="ann").status == 401


def test_claims_of_a_user_pool_reach_the_route(rest: Gateway) -> None:
    ann = token(sub="ann", exp=1, **{"cognito:groups": ["a", "b"]})
    seen = value(call(rest, "GET", "/pool", Authorization=ann))
    assert seen == {"claims": {"sub": "ann", "exp": "1", "cognito:groups": "a,b"}}
    for wrong in ("", "Bearer x", "Bearer a.b.c"):
        assert call(rest, "GET", "/pool", Authorization=wrong).status == 401


def test_route_with_an_api_key_needs_the_header(rest: Gateway) -> None:
    assert call(rest, "GET", "/key").status == 403
    assert call(rest, "GET", "/key", X_Api_Key="any").status == 200


def test_authorizer_that_cannot_run_here_is_named(rest: Gateway) -> None:
    assert call(rest, "GET", "/iam").status == 200
    rest.prints("IAMAuthorizer is not checked on this machine")

"""REST routes of every kind beside a WebSocket API."""

import os
import sys
import time
from pathlib import Path
from typing import Any

from boto3.session import Session
from chalice import (
    AuthResponse,
    BadRequestError,
    Chalice,
    CognitoUserPoolAuthorizer,
    CORSConfig,
    IAMAuthorizer,
    Response,
)
from chalice.app import AuthRequest, WebsocketEvent

app = Chalice(app_name="rest")
app.experimental_feature_flags.update(["WEBSOCKETS"])
app.websocket_api.session = Session()
app.api.binary_types.append("multipart/form-data")
app.api.binary_types.append("application/x-own")

# Each function's variables are there when the app is imported.
PREFIX = os.environ["PREFIX"]

pool = CognitoUserPoolAuthorizer("pool", ["arn:aws:cognito-idp:us-east-1:1:userpool/x"])


@app.middleware("http")
def mark(event: Any, get_response: Any) -> Response:
    response: Response = get_response(event)
    response.headers["X-Middleware"] = "yes"
    return response


@app.on_ws_message()
def message(event: WebsocketEvent) -> None:
    app.websocket_api.send(event.connection_id, event.body)


@app.route("/")
def root() -> dict[str, str]:
    return {"hello": "root"}


@app.route("/echo/{name}/{more}", methods=["GET", "POST", "PUT", "HEAD"])
def echo(name: str, more: str) -> dict[str, Any]:
    request = app.current_request
    query = request.query_params
    return {
        "name": name,
        "more": more,
        "method": request.method,
        "query": query and {each: query.getlist(each) for each in query},
        "headers": dict(request.headers),
        "json": request.json_body,
        "raw": request.raw_body.decode(),
        "event": request.to_original_event(),
        "function": app.lambda_context.function_name,
        "variable": os.environ.get("OWN"),
    }


@app.route("/echo/fixed/{more}")
def fixed(more: str) -> dict[str, str]:
    return {"fixed": more}


@app.route("/upload", methods=["POST"], content_types=["application/x-own", "multipart/form-data"])
def upload() -> Response:
    body = app.current_request.raw_body
    return Response(body, headers={"Content-Type": "application/x-own"})


@app.route("/size", methods=["POST"], content_types=["application/octet-stream"])
def size() -> int:
    return len(app.current_request.raw_body)


@app.route("/form", methods=["POST"], content_types=["application/x-www-form-urlencoded"])
def form() -> str:
    return app.current_request.raw_body.decode()


@app.route("/fail/{how}")
def fail(how: str) -> Any:
    if how == "bad":
        raise BadRequestError("as ordered")
    if how == "exit":
        sys.exit("as ordered")
    if how == "wait":
        while not Path("released").exists():
            time.sleep(0.01)
    if how == "bytes":
        return Response(b"\xff", headers={"Content-Type": "text/plain"})
    if how == "header":
        return Response("", headers={"X-Bad": "a\rb"})
    if how == "status":
        return Response("", status_code=99)
    raise RuntimeError("as ordered")


@app.route("/headers")
def headers() -> Response:
    return Response(
        "<p>",
        status_code=401,
        headers={
            "Content-Type": "text/html",
            "Set-Cookie": ["a=1", "b=2"],
            "WWW-Authenticate": "Basic",
            "X-Number": "1",
        },
    )


@app.route("/ports/{number}")
def port(number: str) -> str:
    return number


@app.route("/large")
def large() -> str:
    return "x" * 20_000


@app.route("/too-large")
def too_large() -> str:
    return "x" * (6 * 1024 * 1024 + 1)


@app.route("/public", methods=["GET", "POST"], cors=True)
def public() -> dict[str, bool]:
    return {"public": True}


@app.route("/partner", methods=["PUT"], cors=CORSConfig("https://partner.example", max_age=60))
def partner() -> dict[str, bool]:
    return {"partner": True}


@app.route("/own-options", methods=["OPTIONS"])
def own_options() -> dict[str, bool]:
    return {"own": True}


@app.authorizer()
def door(request: AuthRequest) -> Any:
    if request.token == "unauthorized":
        raise Exception("Unauthorized")
    if request.token == "broken":
        raise ValueError("as ordered")
    if request.token == "empty":
        return None
    if request.token.startswith("policy "):
        statement = {"Action": "execute-api:Invoke", "Effect": request.token.split()[1]}
        statements = [{**statement, "Resource": request.method_arn}]
        return {"principalId": "p", "policyDocument": {"Statement": statements}}
    routes = [] if request.token == "deny" else ["/private/*"]
    return AuthResponse(routes, "ann", {"n": 1, "yes": True, "arn": request.method_arn})


@app.route("/private/{name}", authorizer=door)
def private(name: str) -> Any:
    return app.current_request.context["authorizer"]


@app.authorizer(header="X-Ticket")
def by_ticket(request: AuthRequest) -> AuthResponse:
    return AuthResponse(["*"], os.environ["PREFIX"] + request.token, {"own": os.environ["OWN"]})


@app.route("/ticket", authorizer=by_ticket)
def ticket() -> Any:
    request = app.current_request
    return {**request.context["authorizer"], "variable": os.environ["OWN"]}


@app.route("/pool", authorizer=pool)
def of_pool() -> Any:
    return app.current_request.context["authorizer"]


@app.route("/iam", authorizer=IAMAuthorizer())
def iam() -> str:
    return "in"


@app.route("/key", api_key_required=True)
def key() -> str:
    return "in"

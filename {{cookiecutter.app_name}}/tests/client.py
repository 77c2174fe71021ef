"""A WebSocket client for tests. It calls the app's handlers in this process.

    with Api(app) as api:
        ann = api.connect(name="Ann")
        assert ann.request("join", channel="tea")["type"] == "joined"

The handlers get the events that API Gateway would send. A server on this machine stands in for the
management API: the handlers may send with any HTTP client.
"""

import json
import os
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote

from chalice import Chalice
from chalice.local import LambdaContext
from chalice.test import Client as TestClient
from chalice.test import HTTPResponse

from chalice_ws.local.issuer.tokens import PATH, Issuer, sign_in_variables
from chalice_ws.local.websocket_api.events import Peer
from tests.support.asyncapi import FrameChecker
from tests.support.policies import recorder

Frame = dict[str, Any]


class Received(Frame):
    """A frame of the app. The error of a missing key shows it."""

    def __missing__(self, key: str) -> Any:
        raise KeyError(f"{key} is not in the frame (got {self})")


Headers = Iterable[tuple[str, str]]

# The user of a client that names none: a guest, or somebody with the claims of `person`.
ANYONE = "(anyone)"


class Rejected(Exception):
    """The connect handler refused a connection. The first argument is the status."""


class Connection:
    """A connection of a test. A subclass sends and receives.

    Each frame is checked against the types of replies and pushes.
    """

    def __init__(self) -> None:
        self._ids = count(1)
        self._pushes: deque[Frame] = deque()
        self._checker = FrameChecker()

    def _send(self, text: str) -> None:
        raise NotImplementedError

    def _receive(self) -> Frame:
        raise NotImplementedError

    def send(self, text: str) -> None:
        """Send a text frame as it is."""
        self._checker.check_sent(text)
        self._send(text)

    def receive(self) -> Frame:
        """Return the next frame: a reply or a push.

        Raises:
            AssertionError: no frame comes, or no type of a reply or a push describes it.
        """
        __tracebackhide__ = True
        frame = self._receive()
        self._checker.check_received(frame)
        return frame

    def request(self, action: str, **fields: Any) -> Frame:
        """Send a request and return its reply without the id.

        Pushes that come before the reply are returned by `push`.
        """
        request_id = next(self._ids)
        self.send(json.dumps({"action": action, "id": request_id, **fields}))
        while (frame := self.receive()).get("id") != request_id:
            self._pushes.append(frame)
        if frame.get("type") == "error":
            # pytest shows it if the test fails.
            print(f"reply to {action}: {json.dumps(frame, ensure_ascii=False)}")
        return Received({name: value for name, value in frame.items() if name != "id"})

    def push(self) -> Frame:
        """Return the next push."""
        return self._pushes.popleft() if self._pushes else self.receive()


class Client(Connection):
    """A connection to the handlers in this process."""

    def __init__(self, api: "Api", peer: Peer, answer: Any, variables: Mapping[str, str]) -> None:
        super().__init__()
        # The result of the connect handler.
        self.answer = answer
        self._api = api
        self._peer = peer
        # Those of sign-in, for each event of this client.
        self._variables = variables
        self.connection_id = peer.connection_id
        # It can be read after the connection has ended.
        self._inbox = api.inboxes[peer.connection_id]

    def _send(self, text: str) -> None:
        with environment(self._variables):
            self._api.run("message", self._peer.message(text))

    def _receive(self) -> Frame:
        assert self._inbox, "the app sent no frame to this client"
        return Received(json.loads(self._inbox.popleft()))

    def waiting(self) -> int:
        """Return the number of frames to receive."""
        return len(self._pushes) + len(self._inbox)

    def is_open(self) -> bool:
        """Return whether neither the client nor the app has closed the connection."""
        return self.connection_id in self._api.inboxes

    def vanish(self) -> None:
        """Close the connection without a disconnect event, which AWS does not guarantee."""
        self._api.inboxes.pop(self.connection_id, None)

    def disconnect(self) -> None:
        """Close the connection as a browser does."""
        self.vanish()
        with environment(self._variables):
            self._api.run("disconnect", self._peer.disconnect(1001, "Going away"))


class Server(ThreadingHTTPServer):
    """A server to which many connections can be opened at once."""

    # A connection beyond it is attempted again after a second.
    request_queue_size = 128


class Api:
    """An API Gateway for one app; a context manager.

    Args:
        app: the app. Its session must use AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI.
        stage: the name of the API's stage, the first part of its path.
    """

    def __init__(self, app: Chalice, stage: str = "api") -> None:
        self.app = app
        self.stage = stage
        self.inboxes: dict[str, deque[bytes]] = {}
        # Sending to one of these connection ids returns a status and an error type.
        self.refusals: dict[str, tuple[int, str]] = {}
        # The connections that the app has closed, whose disconnect function has not run.
        self.closed: list[str] = []
        # The claims of clients that name no user. None makes them guests.
        self.person: Mapping[str, Any] | None = None
        self._numbers = count(1)
        self._clients: dict[str, Client] = {}
        self._server = Server(("127.0.0.1", 0), _management_handler(self))
        # The URL of the management API.
        self.url = f"http://127.0.0.1:{self._server.server_port}/{stage}"
        self.issuer = Issuer(f"http://127.0.0.1:{self._server.server_port}{PATH}")

    def __enter__(self) -> "Api":
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        os.environ["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"] = self.url
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def reset(self, person: Mapping[str, Any] | None) -> None:
        """Forget all clients and calls. `person` has the claims of clients that name no user."""
        self.inboxes.clear()
        self.refusals.clear()
        self.closed.clear()
        recorder.calls.clear()
        self.person = person

    def connect(
        self,
        headers: Headers = (),
        /,
        user: str | None = ANYONE,
        claims: Mapping[str, Any] | None = None,
        **query: str,
    ) -> Client:
        """Connect as a user, or as a guest.

        Args:
            headers: such as ("Origin", "https://a.example").
            user: signs in as this user, whatever AUTH is. None is a guest. By default, the fixture
                `person` of tests/conftest.py decides, and each client is another person.
            claims: more claims of the user's token, such as {"name": "Ann"}.
            query: the query string.

        Raises:
            Rejected: the handler refused.
        """
        peer = self._peer()
        headers = [("Host", peer.domain_name), *headers]
        variables: dict[str, str] = {}
        if user == ANYONE:
            user = None if self.person is None else f"user-{next(self._numbers)}"
            claims = {**query, **(claims or {})}
        if user is not None:
            token = self.issuer.token(user, {**(self.person or {}), **(claims or {})})
            protocols = f"chalice-ws.v1, {token}"
            headers.append(("Sec-WebSocket-Protocol", protocols))
            variables = {"AUTH": "jwt", **sign_in_variables({"AUTH": "jwt"}, self.issuer.url)}
        with environment(variables):
            answer = self.run("connect", peer.connect(headers, query.items()))
        if not 200 <= answer["statusCode"] < 300:
            use = "if it refuses guests, return claims in the fixture person of tests/conftest.py"
            raise Rejected(answer["statusCode"]) from PermissionError(use) if user is None else None
        return self._attach(peer, answer, variables)

    def attach(self) -> Client:
        """Return a guest's client without its handshake. A test writes the rows of it."""
        return self._attach(self._peer(), None, {})

    def http(self, method: str, path: str, body: Any = None, **headers: str) -> HTTPResponse:
        """Send a request to a REST route, with a JSON body, and return the response."""
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", **headers}
        with recorder.function("api_handler"):
            return TestClient(self.app).http.request(method, path, headers, content)

    def run(self, function: str, event: Any, seconds: float = 29) -> Any:
        """Run a function of app.py, with `seconds` of time, and return its result.

        The disconnect function runs after it, for each connection that it has closed.
        """
        context = LambdaContext(function, 512, int(seconds * 1000))
        with recorder.function(function):
            result = self.app.handler_map[function](event, context)
        while self.closed:
            self._clients[self.closed.pop()].disconnect()
        return result

    def _peer(self) -> Peer:
        return Peer(self.stage, "example.execute-api.us-east-1.amazonaws.com")

    def _attach(self, peer: Peer, answer: Any, variables: Mapping[str, str]) -> Client:
        self.inboxes[peer.connection_id] = deque()
        client = Client(self, peer, answer, variables)
        self._clients[peer.connection_id] = client
        return client


def environment(variables: Mapping[str, str]) -> AbstractContextManager[object]:
    """Set environment variables during a block."""
    # Most clients are guests, and the patch takes longer than many an event.
    return patch.dict(os.environ, variables) if variables else nullcontext()


def _management_handler(api: Api) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            document = api.issuer.documents().get(self.path.removeprefix(PATH))
            self._answer(200 if document else 404, body=json.dumps(document).encode())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            recorder.record_management_request("POST", self.path)
            connection_id = unquote(self.path.rpartition("/")[2])
            inbox = api.inboxes.get(connection_id)
            if connection_id in api.refusals:
                self._answer(*api.refusals[connection_id])
            elif inbox is None:
                self._answer(410, "GoneException")
            elif len(body) > 128 * 1024:
                self._answer(413, "PayloadTooLargeException")
            else:
                inbox.append(body)
                self._answer(200)

        def do_DELETE(self) -> None:
            recorder.record_management_request("DELETE", self.path)
            connection_id = unquote(self.path.rpartition("/")[2])
            if connection_id in api.refusals:
                self._answer(*api.refusals[connection_id])
            elif api.inboxes.pop(connection_id, None) is None:
                self._answer(410, "GoneException")
            else:
                api.closed.append(connection_id)
                self._answer(204)

        def _answer(self, status: int, error: str | None = None, body: bytes = b"") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if error:
                self.send_header("x-amzn-ErrorType", error)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    return Handler

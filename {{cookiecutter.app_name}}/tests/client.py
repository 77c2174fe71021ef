"""A WebSocket client for tests: API Gateway in this process, around the app's own handlers.

    with Api(app) as api:
        ann = api.connect(name="Ann")
        assert ann.request("join", channel="tea")["type"] == "joined"

The handlers get the events that API Gateway would send, and what they send arrives over HTTP,
whatever they send it with.
"""

import json
import os
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from threading import Thread
from typing import Any
from urllib.parse import unquote

from chalice import Chalice
from chalice.local import LambdaContext

from chalice_ws.local.events import Peer
from tests.support.asyncapi import Watch
from tests.support.policies import recorder

Frame = dict[str, Any]


class Rejected(Exception):
    """$connect said no. The first argument is the status."""


class Talk:
    """What a test says and hears on a connection; a subclass sends and receives."""

    def __init__(self) -> None:
        self._ids = count(1)
        self._pushes: deque[Frame] = deque()
        self._watch = Watch()

    def _send(self, text: str) -> None:
        raise NotImplementedError

    def _receive(self) -> Frame:
        raise NotImplementedError

    def send(self, text: str) -> None:
        """Send a text frame as it is."""
        self._watch.sent(text)
        self._send(text)

    def receive(self) -> Frame:
        """The next frame, of whatever kind.

        Raises:
            AssertionError: none comes, or it is not as asyncapi.yaml says.
        """
        frame = self._receive()
        self._watch.received(frame)
        return frame

    def request(self, action: str, **fields: Any) -> Frame:
        """Send a request and return its reply; pushes that come before are kept for `push`."""
        request_id = next(self._ids)
        self.send(json.dumps({"action": action, "id": request_id, **fields}))
        while (frame := self.receive()).get("id") != request_id:
            self._pushes.append(frame)
        return {name: value for name, value in frame.items() if name != "id"}

    def push(self) -> Frame:
        """The next push."""
        return self._pushes.popleft() if self._pushes else self.receive()


class Client(Talk):
    """A connection to the handlers in this process."""

    def __init__(self, api: "Api", peer: Peer) -> None:
        super().__init__()
        self._api = api
        self._peer = peer
        self.connection_id = peer.connection_id

    def _send(self, text: str) -> None:
        self._api.run("message", self._peer.message(text))

    def _receive(self) -> Frame:
        inbox = self._api.inboxes[self.connection_id]
        assert inbox, "nothing was sent to this client"
        return dict(json.loads(inbox.popleft()))

    def waiting(self) -> int:
        """How many frames there are to receive."""
        return len(self._pushes) + len(self._api.inboxes[self.connection_id])

    def vanish(self) -> None:
        """Be gone, and nobody is told: $disconnect is best effort."""
        self._api.inboxes.pop(self.connection_id, None)

    def disconnect(self) -> None:
        """Leave as a browser does."""
        self.vanish()
        self._api.run("disconnect", self._peer.disconnect(1001, "Going away"))


class Api:
    """API Gateway for one app; a context manager.

    Args:
        app: the app; its session must heed AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI.
        stage: the API's stage, as in the path.
    """

    def __init__(self, app: Chalice, stage: str = "api") -> None:
        self.app = app
        self.stage = stage
        self.inboxes: dict[str, deque[bytes]] = {}
        # By connection id: a status and an error type that sending to it gives instead.
        self.refusals: dict[str, tuple[int, str]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _management(self))

    def __enter__(self) -> "Api":
        Thread(target=self._server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{self._server.server_port}/{self.stage}"
        os.environ["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"] = url
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def connect(self, **query: str) -> Client:
        """Connect, with a query string; raises Rejected."""
        peer = Peer(self.stage, "example.execute-api.us-east-1.amazonaws.com")
        answer = self.run("connect", peer.connect([("Host", peer.domain_name)], query.items()))
        if not 200 <= answer["statusCode"] < 300:
            raise Rejected(answer["statusCode"])
        self.inboxes[peer.connection_id] = deque()
        return Client(self, peer)

    def run(self, function: str, event: Any, seconds: float = 29) -> Any:
        """Run a function of app.py by its name there, with `seconds` of time."""
        context = LambdaContext(function, 512, int(seconds * 1000))
        (handler,) = [each for name, each in self.app.handler_map.items() if name == function]
        with recorder.function(function):
            return handler(event, context)


def _management(api: Api) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

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

        def _answer(self, status: int, error: str | None = None) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            if error:
                self.send_header("x-amzn-ErrorType", error)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    return Handler

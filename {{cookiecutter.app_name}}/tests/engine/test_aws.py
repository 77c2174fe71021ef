"""The clients of AWS: their timeouts, and connections that have ended in silence or by a reset."""

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import pytest
from botocore.config import Config
from chalice.app import WebsocketEvent
from chalice.local import LambdaContext

from chalice_ws.local.websocket_api.events import Peer
from chalicelib import aws
from chalicelib.storage.threads import map_in_threads

CALLS: dict[str, tuple[str, dict[str, Any]]] = {
    "apigatewaymanagementapi": ("post_to_connection", {"ConnectionId": "a", "Data": b"{}"}),
    "dynamodb": ("list_tables", {}),
    "sqs": ("list_queues", {}),
}


class Server(ThreadingHTTPServer):
    """A server that can forget its connections, as peers do while a function is frozen.

    `forgotten` is the number of connections that it no longer knows: it answers them with a reset,
    or not at all. `answered` has the number of each answered request's connection.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.connections = self.forgotten = 0
        self.resets = False
        self.answered: list[int] = []
        self.stopped = Event()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1
        self.number = self.server.connections

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        if self.number > self.server.forgotten:
            self.server.answered.append(self.number)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")
            return
        self.close_connection = True
        if self.server.resets:
            reset = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
        else:
            self.server.stopped.wait()

    def log_message(self, *args: object) -> None:
        pass


@contextmanager
def running_server() -> Iterator[Server]:
    """Run a server for the block."""
    with Server() as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.stopped.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials and a region, without an emulator's address."""
    for name in ("AWS_ENDPOINT_URL", aws.ENDPOINT_VARIABLE):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def new_client(service: str, url: str | None = None, **options: Any) -> Any:
    """Return a client, as the app makes it for the service."""
    if service != "apigatewaymanagementapi":
        options["config"] = aws.client_config()
    return aws.Session().client(service, endpoint_url=url, **options)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("resets", [True, False])
def test_call_over_a_connection_that_has_ended_is_repeated_over_a_new_one(
    resets: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws, "READ_TIMEOUT_SECONDS", 1)

    def call(service: str) -> None:
        operation, arguments = CALLS[service]
        getattr(clients[service], operation)(**arguments)

    def call_thrice(service: str) -> None:
        call(service)
        servers[service].forgotten, servers[service].resets = 1, resets
        call(service)
        call(service)

    with ExitStack() as stack:
        servers = {service: stack.enter_context(running_server()) for service in CALLS}
        clients = {}
        for service, server in servers.items():
            clients[service] = new_client(service, f"http://127.0.0.1:{server.server_port}")
            stack.enter_context(closing(clients[service]))
        # Each waits for an answer that does not come.
        map_in_threads(call_thrice, [*CALLS])
    assert {service: each.answered for service, each in servers.items()} == {
        service: [1, 2, 2] for service in CALLS
    }


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("service", CALLS)
def test_call_ends_before_the_deadline_of_the_function(service: str) -> None:
    config = new_client(service, "http://127.0.0.1:1").meta.config
    attempts = config.retries["total_max_attempts"]
    longest_seconds = attempts * (config.connect_timeout + config.read_timeout)
    assert longest_seconds == aws.MAX_CALL_SECONDS
    assert longest_seconds < 29 - aws.RESERVE_SECONDS
    # The reply comes last: one attempt may time out in the time that is left for it.
    assert config.read_timeout < aws.RESERVE_SECONDS


@pytest.mark.usefixtures("environment")
def test_timeout_of_the_caller_is_used() -> None:
    config = Config(read_timeout=20)
    client = new_client("apigatewaymanagementapi", "http://127.0.0.1:1", config=config)
    assert client.meta.config.read_timeout == 20
    assert client.meta.config.connect_timeout == aws.CONNECT_TIMEOUT_SECONDS


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(("timeout_seconds", "used_seconds"), [(29, 29), (10, 10), (900, 29)])
def test_websocket_event_ends_before_api_gateway_stops_to_wait(
    timeout_seconds: int, used_seconds: int
) -> None:
    """API Gateway waits 29 s, whatever lambda_timeout is."""
    context = LambdaContext("message", 512, timeout_seconds * 1000)
    peer = Peer("api", "example.execute-api.us-east-1.amazonaws.com")
    before = time.monotonic()
    invocation = aws.Invocation.from_event(WebsocketEvent(peer.message("{}"), context))
    end = invocation.deadline + aws.RESERVE_SECONDS
    assert before + used_seconds - 1 < end <= time.monotonic() + used_seconds
    other = aws.Invocation.from_context(context).deadline + aws.RESERVE_SECONDS
    assert other > before + timeout_seconds - 1

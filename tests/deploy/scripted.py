"""AWS as far as the doors get: it answers what it is told to, and keeps what it was asked."""

import json
import re
import subprocess
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs

Answer = tuple[int, dict[str, str], str]

READS = re.compile("(Describe|Filter|Get|Head|List).*")
STACK_ID = "arn:aws:cloudformation:us-east-1:123456789012:stack/chalice-ws-app-dev/1"


def result(action: str, content: str) -> Answer:
    """An answer of the services that speak XML."""
    return (
        200,
        {},
        f"<{action}Response><{action}Result>{content}</{action}Result></{action}Response>",
    )


def refusal(code: str, message: str = "no", status: int = 400) -> Answer:
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return status, {}, f"<ErrorResponse>{error}</ErrorResponse>"


def stacks(status: str, outputs: str = "") -> Answer:
    content = (
        f"<StackName>chalice-ws-app-dev</StackName><StackId>{STACK_ID}</StackId>"
        f"<CreationTime>2026-01-01T00:00:00Z</CreationTime><StackStatus>{status}</StackStatus>"
    )
    outputs = f"<Outputs>{outputs}</Outputs>"
    return result("DescribeStacks", f"<Stacks><member>{content}{outputs}</member></Stacks>")


ADDRESS = (
    "<member><OutputKey>WebsocketConnectEndpointURL</OutputKey>"
    "<OutputValue>wss://abc.execute-api.us-east-1.amazonaws.com/api/</OutputValue></member>"
)
NO_STACK = refusal("ValidationError", "Stack with id chalice-ws-app-dev does not exist")
TABLE = {"Table": {"TableName": "chalice-ws-app-dev-connections", "ItemCount": 7}}
NO_KEYS = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}


class Aws:
    """AWS as far as a door gets: each operation has its answers, the last of them for good."""

    def __init__(self) -> None:
        identity = "<Account>123456789012</Account>"
        self.answers: dict[str, list[Answer]] = {
            "GetCallerIdentity": [result("GetCallerIdentity", identity)],
            "DescribeStacks": [NO_STACK],
            "DescribeTable": [(400, {}, json.dumps({"__type": "x#ResourceNotFoundException"}))],
            "HeadBucket": [(404, {}, "")],
            "GetAccount": [(200, {}, "{}")],
        }
        self.asked: list[tuple[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def changes(self) -> list[str]:
        """The operations that were asked for and may change something."""
        return [name for name, _ in self.asked if not READS.fullmatch(name)]

    def answer(self, operation: str, body: str) -> Answer:
        self.asked.append((operation, body))
        answers = self.answers.get(operation, [refusal("NotImplemented", operation, 501)])
        return answers.pop(0) if len(answers) > 1 else answers[0]


def _handler(aws: Aws) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("latin-1")
            status, headers, text = aws.answer(self.operation(body), body)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else text.encode())

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any

        def operation(self, body: str) -> str:
            """Which one it is, as botocore names it."""
            if target := self.headers.get("X-Amz-Target"):
                return str(target).partition(".")[2]
            if form := parse_qs(body).get("Action"):
                return form[0]
            path = self.path.partition("?")[0].strip("/")
            if path == "account":
                return "GetAccount" if self.command == "GET" else "UpdateAccount"
            thing = "Object" if "/" in path else "Bucket"
            return f"{self.command.title()}{thing}"

        def log_message(self, *args: object) -> None:
            pass

    return Handler


Run = Callable[..., subprocess.CompletedProcess[str]]


def one_line(run: subprocess.CompletedProcess[str], message: str) -> None:
    """It failed, and said so in one line that says what to do."""
    assert run.returncode == 1
    (line,) = run.stderr.splitlines()
    assert re.match(r"error: .*; ", line), line
    assert re.search(message, line), line

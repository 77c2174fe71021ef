"""A scripted AWS: a server that gives the answers of a test and records the requests."""

import json
import re
import subprocess
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qs

Answer = tuple[int, dict[str, str], str]

READ_OPERATIONS = re.compile("(Describe|Filter|Get|Head|List).*")
STACK_ID = "arn:aws:cloudformation:us-east-1:123456789012:stack/chalice-ws-app-dev/1"


def result(action: str, content: str) -> Answer:
    """Return a successful answer of a service with XML."""
    return (
        200,
        {},
        f"<{action}Response><{action}Result>{content}</{action}Result></{action}Response>",
    )


def failure(code: str, message: str = "no", status: int = 400) -> Answer:
    """Return an error of a service with XML."""
    error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return status, {}, f"<ErrorResponse>{error}</ErrorResponse>"


def stack_answer(status: str, outputs: str = "") -> Answer:
    """Return an answer to DescribeStacks with one stack."""
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
NO_STACK = failure("ValidationError", "Stack with id chalice-ws-app-dev does not exist")
TABLE = {"Table": {"TableName": "chalice-ws-app-dev-connections", "ItemCount": 7}}
NO_CREDENTIALS = {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}


class ScriptedAws:
    """A server for all services. Each operation has its answers; the last one repeats."""

    def __init__(self) -> None:
        identity = "<Account>123456789012</Account>"
        self.answers: dict[str, list[Answer]] = {
            "GetCallerIdentity": [result("GetCallerIdentity", identity)],
            "DescribeStacks": [NO_STACK],
            "DescribeTable": [(400, {}, json.dumps({"__type": "x#ResourceNotFoundException"}))],
            "HeadBucket": [(404, {}, "")],
            "GetAccount": [(200, {}, "{}")],
            "DescribeLogGroups": [(200, {}, json.dumps({"logGroups": []}))],
            "ListStackResources": [result("ListStackResources", "<StackResourceSummaries/>")],
        }
        # The answers that replace others after an operation.
        self.answers_after: dict[str, dict[str, list[Answer]]] = {}
        self.requests: list[tuple[str, str]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def changes(self) -> list[str]:
        """Return the requested operations that may change something."""
        return [name for name, _ in self.requests if not READ_OPERATIONS.fullmatch(name)]

    def answer(self, operation: str, body: str) -> Answer:
        self.requests.append((operation, body))
        self.answers |= self.answers_after.get(operation, {})
        answers = self.answers.get(operation, [failure("NotImplemented", operation, 501)])
        return answers.pop(0) if len(answers) > 1 else answers[0]


def _handler(aws: ScriptedAws) -> type[BaseHTTPRequestHandler]:
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
            """Return the operation's name, as botocore writes it."""
            if target := self.headers.get("X-Amz-Target"):
                return str(target).partition(".")[2]
            if form := parse_qs(body).get("Action"):
                return form[0]
            path = self.path.partition("?")[0].strip("/")
            if path == "account":
                return "GetAccount" if self.command == "GET" else "UpdateAccount"
            noun = "Object" if "/" in path else "Bucket"
            return f"{self.command.title()}{noun}"

        def log_message(self, *args: object) -> None:
            pass

    return Handler


Run = Callable[..., subprocess.CompletedProcess[str]]


def assert_one_error(run: subprocess.CompletedProcess[str], message: str) -> None:
    """Assert that a command failed with one line: the problem, and what to do."""
    assert run.returncode == 1
    (line,) = [each for each in run.stderr.splitlines() if not each.startswith("warning: ")]
    assert re.match(r"error: .*; ", line), line
    assert re.search(message, line), line

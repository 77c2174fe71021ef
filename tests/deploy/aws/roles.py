"""A server between functions and AWS. It forwards only the calls that the caller's policy allows.

moto's own enforcement denies calls that a policy for one table allows, and does not check the
management API. Here the access key is the caller's name. Calls to DynamoDB are forwarded to moto.
The server answers the management API itself, and records the payloads.
"""

import json
import re
from collections.abc import Iterator
from email.message import Message
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.error import HTTPError
from urllib.parse import unquote
from urllib.request import Request, urlopen

Policy = dict[str, Any]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def allows(policy: Policy, action: str, resource: str) -> bool:
    """Return whether a policy allows an action on a resource: one statement does, none denies."""
    effects = {
        statement["Effect"]
        for statement in policy["Statement"]
        if any(fnmatchcase(action.lower(), one.lower()) for one in as_list(statement["Action"]))
        and any(fnmatchcase(resource, one) for one in as_list(statement["Resource"]))
    }
    return effects == {"Allow"}


def table_calls(operation: str, body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the action and the table of each part of a call to DynamoDB."""
    if "TransactItems" in body:
        for item in body["TransactItems"]:
            yield from ((f"{kind}Item", each["TableName"]) for kind, each in item.items())
    elif "RequestItems" in body:
        yield from ((operation, table) for table in body["RequestItems"])
    else:
        yield operation, body["TableName"]


class Roles:
    """The server, as a context manager.

    Args:
        aws: the endpoint that calls are forwarded to.
        policies: the policies by access key.

    `sent` has the payloads by connection id. Connections in `broken` are answered 500.
    """

    def __init__(self, aws: str, policies: dict[str, Policy]):
        self.policies = policies
        self.sent: dict[str, list[Any]] = {}
        self.denied: list[str] = []
        self.broken: set[str] = set()
        roles = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                status, kind, answer = roles.answer(aws, self.path, self.headers, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.send_header("Content-Type", "application/x-amz-json-1.0")
                if kind:
                    self.send_header("x-amzn-ErrorType", kind)
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "Roles":
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, aws: str, path: str, headers: Message, body: bytes) -> tuple[int, str, bytes]:
        """Return the status, the type of an error or "", and the body."""
        found = re.search(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/", headers["Authorization"])
        assert found, headers
        caller, region, service = found.groups()
        prefix = f"arn:aws:{service}:{region}:123456789012"
        if service == "execute-api":
            stage, _, connection = path.strip("/").partition("/@connections/")
            calls = [("ManageConnections", f"{prefix}:api/{stage}/POST/@connections/{connection}")]
        else:
            operation = headers["X-Amz-Target"].split(".")[1]
            tables = table_calls(operation, json.loads(body))
            calls = [(action, f"{prefix}:table/{table}") for action, table in tables]
        denied = [
            f"{caller}: {service}:{action} on {resource}"
            for action, resource in calls
            if not allows(self.policies[caller], f"{service}:{action}", resource)
        ]
        if denied:
            self.denied += denied
            kind = "ForbiddenException" if service == "execute-api" else "AccessDeniedException"
            answer = json.dumps({"__type": kind, "message": denied[0]}).encode()
            return 403 if service == "execute-api" else 400, kind, answer
        if service == "execute-api" and unquote(connection) in self.broken:
            return 500, "InternalServerErrorException", b"{}"
        if service == "execute-api":
            self.sent.setdefault(unquote(connection), []).append(json.loads(body))
            return 200, "", b""
        try:
            with urlopen(Request(aws, body, dict(headers), method="POST")) as answered:
                return answered.status, "", answered.read()
        except HTTPError as error:
            with error:
                return error.code, "", error.read()

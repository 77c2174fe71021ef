"""An issuer of tokens on this machine, which a test can change, stop and count."""

import json
import time
from collections.abc import Mapping
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

Claims = dict[str, Any]
AUDIENCE = "the-app"


def private_key(algorithm: str, number: int = 0) -> Any:
    """Return a private key. The same arguments give the same key."""
    return _private_key(algorithm, number)


@cache
def _private_key(algorithm: str, number: int) -> Any:
    if algorithm == "RS256":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def public_jwk(algorithm: str, key_id: str, number: int = 0) -> dict[str, Any]:
    """Return the public part of private_key, as it stands in a key set."""
    key = private_key(algorithm, number).public_key()
    kind = RSAAlgorithm if algorithm == "RS256" else ECAlgorithm
    return {**kind.to_jwk(key, as_dict=True), "kid": key_id, "use": "sig"}


class FakeIssuer:
    """An HTTP server with the documents of an OpenID Connect issuer.

    Its keys are `rsa` and `ec`. `answers` has the answer to each path, a status and a body.
    """

    def __init__(self) -> None:
        self.requests: list[str] = []
        # A request waits for it.
        self.answering = Event()
        self.answering.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/pool"
        document = {"issuer": self.url, "jwks_uri": f"{self.url}/keys"}
        keys = [public_jwk("RS256", "rsa"), public_jwk("ES256", "ec")]
        self.answers: dict[str, tuple[int, bytes, dict[str, str]]] = {}
        self.answer("/pool/.well-known/openid-configuration", document)
        self.set_keys(*keys)
        Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def answer(self, path: str, content: Any, status: int = 200, **headers: str) -> None:
        """Set the answer to requests of a path."""
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.answers[path] = (status, body, headers)

    def set_keys(self, *keys: dict[str, Any]) -> None:
        """Set the keys of the key set."""
        self.answer("/pool/keys", {"keys": keys})

    def fail(self) -> None:
        """Answer each request with an error from now on."""
        for path in self.answers:
            self.answer(path, b"down", status=503)

    def stop(self) -> None:
        """Stop the server, and let requests that wait end."""
        self.answering.set()
        self._server.shutdown()
        self._server.server_close()

    def claims(self, **changes: Any) -> Claims:
        """Return the claims of a valid token; None as a value leaves a claim out."""
        now = int(time.time())
        claims = {"iss": self.url, "aud": AUDIENCE, "sub": "ann", "iat": now, "exp": now + 600}
        return {name: each for name, each in {**claims, **changes}.items() if each is not None}

    def token(
        self,
        *,
        algorithm: str = "ES256",
        headers: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """Return a token of this issuer; `headers` and `claims` replace those of a valid one."""
        key_id = {"RS256": "rsa", "ES256": "ec"}[algorithm]
        header = {"typ": "JWT", "kid": key_id, **(headers or {})}
        # PyJWT leaves out a typ that is empty.
        header = {name: each for name, each in header.items() if each is not None or name == "typ"}
        # jwt.encode refuses some of the claims that a test needs.
        payload = json.dumps(self.claims(**claims)).encode()
        return jwt.api_jws.encode(payload, private_key(algorithm), algorithm, header)


def _handler(issuer: FakeIssuer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.requests.append(self.path)
            issuer.answering.wait()
            status, body, headers = issuer.answers.get(self.path, (404, b"", {}))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    return Handler

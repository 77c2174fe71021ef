"""Amazon Cognito's hosted sign-in: moto's user pool, tokens and keys behind pages of its own.

It behaves as the endpoints that AWS documents:
https://docs.aws.amazon.com/cognito/latest/developerguide/federation-endpoints.html
"""

import base64
import hashlib
import json
import secrets
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import boto3
import jwt
from moto import mock_aws
from moto.utilities.utils import load_resource

from tests.certificates import make_certificate
from tests.conftest import RAW

REGION = "us-east-1"
POOL_HOST = f"cognito-idp.{REGION}.amazonaws.com"
DOMAIN_HOST = f"sign-in-test.auth.{REGION}.amazoncognito.com"
PASSWORD = "correct-horse-battery"

FORM = """<!doctype html><title>Sign in</title><link rel="icon" href="data:,"><form method="post">
<input id="username" name="username" autocomplete="username">
<input id="password" name="password" type="password" autocomplete="current-password">
<button id="submit">Sign in</button></form>"""

Query = dict[str, str]


class HostedUi:
    """A user pool and its pages, reached through an HTTP proxy on this machine.

    Args:
        folder: for the certificates.
        page: the address that may call back.
    """

    def __init__(self, folder: Path, page: str) -> None:
        resources = json.loads((RAW / "resources" / "cognito.json").read_text())["Resources"]
        self._cognito = boto3.client(
            "cognito-idp",
            REGION,
            **{f"aws_{name}": "testing" for name in ("access_key_id", "secret_access_key")},
        )
        pool = {**resources["UserPool"]["Properties"], "UserPoolName": "test"}
        pool["PoolName"] = pool.pop("UserPoolName")
        self.pool = self._cognito.create_user_pool(**pool)["UserPool"]["Id"]
        client = {**resources["UserPoolClient"]["Properties"], "UserPoolId": self.pool}
        client |= {"CallbackURLs": [page], "LogoutURLs": [page]}
        client["ExplicitAuthFlows"] = ["ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_PASSWORD_AUTH"]
        self.client: dict[str, Any] = self._cognito.create_user_pool_client(**client)[
            "UserPoolClient"
        ]
        self.issuer = f"https://{POOL_HOST}/{self.pool}"
        self.codes: dict[str, dict[str, str]] = {}
        self.sessions: dict[str, str] = {}
        # The paths, without queries.
        self.requests: list[str] = []
        self.grants: list[str] = []
        self.tokens: list[str] = []
        for host in (POOL_HOST, DOMAIN_HOST):
            (folder / host).mkdir()
        certificates = {
            host: make_certificate(folder / host, host) for host in (POOL_HOST, DOMAIN_HOST)
        }
        self._contexts = {host: each.context() for host, each in certificates.items()}
        self._authority = certificates[POOL_HOST].authority
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.proxy = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of a process that reads the keys."""
        return {"HTTPS_PROXY": self.proxy, "SSL_CERT_FILE": str(self._authority)}

    @property
    def flags(self) -> list[str]:
        """The flags of a browser that signs in."""
        return [f"--proxy-server={self.proxy}", "--ignore-certificate-errors"]

    def add_person(self, email: str, name: str) -> None:
        """Add a person to the user pool."""
        attributes = [{"Name": "email", "Value": email}, {"Name": "name", "Value": name}]
        pool = {"UserPoolId": self.pool, "Username": email}
        self._cognito.admin_create_user(**pool, UserAttributes=attributes)
        self._cognito.admin_set_user_password(**pool, Password=PASSWORD, Permanent=True)

    def context(self, host: str) -> ssl.SSLContext | None:
        """Return the TLS context of a host; None: the host is unknown."""
        return self._contexts.get(host)

    def start(self) -> None:
        Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def document(self) -> dict[str, Any]:
        """Return the discovery document, with the fields of Cognito's."""
        domain = f"https://{DOMAIN_HOST}"
        return {
            "authorization_endpoint": f"{domain}/oauth2/authorize",
            "end_session_endpoint": f"{domain}/logout",
            "id_token_signing_alg_values_supported": ["RS256"],
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/.well-known/jwks.json",
            "response_types_supported": ["code", "token"],
            "revocation_endpoint": f"{domain}/oauth2/revoke",
            "scopes_supported": ["openid", "email", "phone", "profile"],
            "subject_types_supported": ["public"],
            "token_endpoint": f"{domain}/oauth2/token",
        }

    def authorize(self, query: Query, user: str | None) -> str:
        """Return where the authorization endpoint leads to."""
        assert query["client_id"] == self.client["ClientId"], query
        assert query["redirect_uri"] in self.client["CallbackURLs"], query
        assert query["response_type"] == "code"
        assert set(query["scope"].split()) <= set(self.client["AllowedOAuthScopes"])
        assert query["code_challenge_method"] == "S256"
        if user is None:
            return f"/login?{urlencode(query)}"
        code = secrets.token_hex(8)
        self.codes[code] = {**query, "user": user}
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}"

    def give_tokens(self, form: Query) -> tuple[int, dict[str, Any]]:
        """Return the status and the answer of the token endpoint."""
        self.grants.append(form.get("grant_type", ""))
        if form.get("client_id") != self.client["ClientId"]:
            return 400, {"error": "invalid_client"}
        if form["grant_type"] == "refresh_token":
            flow, parameters = "REFRESH_TOKEN_AUTH", {"REFRESH_TOKEN": form["refresh_token"]}
            return 200, self._tokens(flow, parameters, {})
        wanted = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        if not wanted or wanted["code_challenge"] != challenge:
            return 400, {"error": "invalid_grant"}
        if wanted["redirect_uri"] != form.get("redirect_uri"):
            return 400, {"error": "invalid_grant"}
        parameters = {"USERNAME": wanted["user"], "PASSWORD": PASSWORD}
        return 200, self._tokens("USER_PASSWORD_AUTH", parameters, {"nonce": wanted["nonce"]})

    def _tokens(self, flow: str, parameters: Query, claims: Query) -> dict[str, Any]:
        answer = self._cognito.initiate_auth(
            ClientId=self.client["ClientId"], AuthFlow=flow, AuthParameters=parameters
        )["AuthenticationResult"]
        # moto has no authorization endpoint, so no nonce, and no attributes. The key is moto's.
        token = answer["IdToken"]
        header = jwt.get_unverified_header(token)
        own = jwt.decode(token, options={"verify_signature": False})
        user = self._cognito.get_user(AccessToken=answer["AccessToken"])
        own |= {each["Name"]: each["Value"] for each in user["UserAttributes"]}
        key = jwt.PyJWK(load_resource("cognitoidp/resources/jwks-private.json"), "RS256").key
        id_token = jwt.encode({**own, **claims}, key, "RS256", header)
        found = {"id_token": id_token, "access_token": answer["AccessToken"]}
        if "RefreshToken" in answer:
            found["refresh_token"] = answer["RefreshToken"]
        self.tokens += found.values()
        return {**found, "expires_in": answer["ExpiresIn"], "token_type": "Bearer"}


def _handler(hosted: HostedUi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        host = ""

        def do_CONNECT(self) -> None:
            self.host = self.path.partition(":")[0]
            context = hosted.context(self.host)
            if context is None:
                # The browser may have gone on.
                with suppress(OSError):
                    self.send_error(403)
                return
            self.send_response(200)
            self.end_headers()
            # The next request comes over TLS.
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb")
            self.handle_one_request()
            self.wfile.flush()
            self.connection.close()

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            query = {name: each[0] for name, each in parse_qs(url.query).items()}
            hosted.requests.append(url.path)
            if url.path == f"/{hosted.pool}/.well-known/openid-configuration":
                self.answer(200, json.dumps(hosted.document()))
            elif url.path == f"/{hosted.pool}/.well-known/jwks.json":
                self.answer(200, load_text("cognitoidp/resources/jwks-public.json"))
            elif url.path == "/oauth2/authorize":
                self.redirect(hosted.authorize(query, hosted.sessions.get(self.session())))
            elif url.path == "/login":
                self.answer(200, FORM, "text/html")
            elif url.path == "/logout":
                assert query["client_id"] == hosted.client["ClientId"]
                assert query["logout_uri"] in hosted.client["LogoutURLs"]
                assert not set(query) - {"client_id", "logout_uri"}, query
                hosted.sessions.pop(self.session(), None)
                self.redirect(query["logout_uri"])
            else:
                self.answer(404, "{}")

        def do_POST(self) -> None:
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: each[0] for name, each in parse_qs(body).items()}
            hosted.requests.append(url.path)
            if url.path == "/login":
                assert form["password"] == PASSWORD
                session = secrets.token_hex(8)
                hosted.sessions[session] = form["username"]
                query = {name: each[0] for name, each in parse_qs(url.query).items()}
                target = hosted.authorize(query, form["username"])
                self.redirect(target, f"cognito={session}; Secure; HttpOnly; Path=/")
            elif url.path == "/oauth2/token":
                status, answer = hosted.give_tokens(form)
                self.answer(status, json.dumps(answer))
            else:
                self.answer(200 if url.path == "/oauth2/revoke" else 404, "")

        def session(self) -> str:
            found = SimpleCookie(self.headers.get("Cookie", "")).get("cognito")
            return found.value if found else ""

        def redirect(self, target: str, cookie: str | None = None) -> None:
            self.send_response(302)
            self.send_header("Location", target)
            if cookie:
                self.send_header("Set-Cookie", cookie)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def answer(self, status: int, text: str, kind: str = "application/json") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text.encode())))
            # Cognito allows any origin.
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *args: object) -> None:
            pass

    return Handler


def load_text(name: str) -> str:
    """Return the JSON text of one of moto's files."""
    return json.dumps(load_resource(name))


@contextmanager
def hosted_ui(folder: Path, page: str) -> Iterator[HostedUi]:
    """Run a user pool with hosted sign-in, for a page at an address."""
    with mock_aws():
        hosted = HostedUi(folder, page)
        hosted.start()
        try:
            yield hosted
        finally:
            hosted.stop()

"""How posts are signed, and what is said where that is refused."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.certificates import Certificate
from tests.sender.checks import SECRET, TOKEN, at, check, names
from tests.sender.sender import PAYLOAD, Sending, sending
from tests.sender.standin import Answer, Post, StandIn, error


def test_a_403_says_which_permission_is_missing(sender: Sending, standin: StandIn) -> None:
    standin.gate = lambda post: error(403, "ForbiddenException", "User is not authorized")
    result = sender.send(at(standin, names(300)))
    assert "execute-api:ManageConnections" in result.error
    assert len(standin.answered) < 300
    standin.gate = None
    assert sender.send(at(standin, names(50))).counts["delivered"] == 50


def test_a_403_says_that_credentials_have_expired(sender: Sending, standin: StandIn) -> None:
    message = "The security token included in the request is expired"
    standin.gate = lambda post: error(403, "ExpiredTokenException", message)
    assert "expired" in sender.send(at(standin, names(300))).error
    assert len(standin.answered) < 300


def test_a_403_says_that_the_clock_is_off(sender: Sending, standin: StandIn) -> None:
    message = "Signature expired: 20240101T000000Z is now earlier than 20240101T001000Z"
    standin.gate = lambda post: error(403, "InvalidSignatureException", message, ahead=3600)
    assert "clock" in sender.send(at(standin, names(300))).error
    assert len(standin.answered) < 300


SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(\S+)/(\d{8})/([\w-]+)/([\w-]+)/aws4_request, *"
    r"SignedHeaders=(\S+), *Signature=([0-9a-f]{64})"
)


def badly_signed(post: Post, secret: str = SECRET, token: str = TOKEN) -> Answer | None:
    """As AWS checks it: anew, by botocore, over what has come in."""
    found = SIGNED.fullmatch(post.headers["authorization"])
    assert found
    key, _, region, service, names, signature = found.groups()
    headers = {name: post.headers[name] for name in names.split(";")}
    url = f"https://{post.headers['host']}{post.target}"
    request = AWSRequest("POST", url, headers=headers, data=post.body)
    request.context["timestamp"] = post.headers["x-amz-date"]
    signer = SigV4Auth(Credentials(key, secret, token), service, region)
    canonical = signer.canonical_request(request)
    right = signer.signature(signer.string_to_sign(request, canonical), request)
    complete = {"host", "x-amz-date", "x-amz-security-token"} <= headers.keys()
    if signature == right and complete and headers["x-amz-security-token"] == token:
        return None
    return error(403, "InvalidSignatureException", f"for {post.target}")


def test_each_post_is_signed_as_aws_checks_it(sender: Sending, standin: StandIn) -> None:
    standin.gate = badly_signed
    ids = [*names(50), "PJqB0fHsqRcCHlw=", "a-b_c9fHsqRcCHl=", "AAAAAAAAAAAAAAAA"]
    custom = standin.url.replace("/dev", "")
    result = sender.send([*at(standin, ids), *((each, custom) for each in names(5))])
    assert result.error == ""
    assert result.counts["delivered"] == len(ids) + 5
    posts = [each.post for each in standin.answered]
    assert {post.target.split("@")[0] for post in posts} == {"/dev/", "/"}
    assert {post.body for post in posts} == {PAYLOAD}
    assert {"/eu-west-1/execute-api/" in post.headers["authorization"] for post in posts} == {True}


@contextmanager
def credentials() -> Iterator[tuple[str, list[str]]]:
    """A URL as Lambda and ECS have it, and the keys it gives: the last, good for five minutes."""
    keys = ["OLD"]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            expires = datetime.now(timezone.utc) + timedelta(minutes=5)
            body = {"AccessKeyId": keys[-1], "SecretAccessKey": SECRET, "Token": TOKEN}
            answer = json.dumps({**body, "Expiration": expires.isoformat()}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", keys
        finally:
            server.shutdown()
            thread.join()


def test_credentials_that_rotate_in_mid_flight(
    app: Path, certificate: Certificate, standin: StandIn, tmp_path: Path
) -> None:
    with credentials() as (url, keys):

        def gate(post: Post) -> Answer | None:
            if len(standin.statuses(200)) == 200 and keys[-1] == "OLD":
                keys.append("NEW")
            if f"={keys[-1]}/" not in post.headers["authorization"]:
                return error(403, "ExpiredTokenException", "The security token is expired")
            return badly_signed(post)

        standin.gate = gate
        environment = {"AWS_CA_BUNDLE": str(certificate.authority), "FANOUT_RPS": "5000"}
        environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url
        with sending(app, tmp_path / "log", **environment) as sender:
            ids = names(600)
            result = sender.send(at(standin, ids), seconds=40)
            check(result, ids, standin)
            assert result.counts["delivered"] == len(ids)
            assert keys == ["OLD", "NEW"]

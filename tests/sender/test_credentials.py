"""The signatures of posts, and the errors where API Gateway refuses them."""

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
from tests.sender.fake_api import FakeApi, Post, Reply, error
from tests.sender.process import PAYLOAD, SenderProcess, run_sender
from tests.sender.support import SECRET, TOKEN, assert_consistent, new_ids, recipients

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(\S+)/(\d{8})/([\w-]+)/([\w-]+)/aws4_request, *"
    r"SignedHeaders=(\S+), *Signature=([0-9a-f]{64})"
)


def test_403_names_the_missing_permission(sender: SenderProcess, api: FakeApi) -> None:
    api.override = lambda post: error(403, "ForbiddenException", "User is not authorized")
    result = sender.send(recipients(api, new_ids(300)))
    assert result.error.startswith("Forbidden: allow execute-api:ManageConnections")
    assert len(api.answered) < 300
    api.override = None
    assert sender.send(recipients(api, new_ids(50))).counts["delivered"] == 50


def test_403_for_expired_credentials_says_so(sender: SenderProcess, api: FakeApi) -> None:
    message = "The security token included in the request is expired"
    api.override = lambda post: error(403, "ExpiredTokenException", message)
    result = sender.send(recipients(api, new_ids(300)))
    assert "the credentials are no longer valid" in result.error
    assert len(api.answered) < 300


def test_403_for_a_wrong_clock_says_so(sender: SenderProcess, api: FakeApi) -> None:
    message = "Signature expired: 20240101T000000Z is now earlier than 20240101T001000Z"
    api.override = lambda post: error(
        403, "InvalidSignatureException", message, clock_ahead_seconds=3600
    )
    result = sender.send(recipients(api, new_ids(300)))
    assert re.search(r"this clock is -3[56]\d\d s off", result.error)
    assert len(api.answered) < 300


def test_403_for_a_wrong_secret_key_says_so(sender: SenderProcess, api: FakeApi) -> None:
    message = "The request signature we calculated does not match"
    api.override = lambda post: error(403, "InvalidSignatureException", message)
    assert "the secret key does not belong" in sender.send(recipients(api, new_ids(9))).error


def signature_error(post: Post) -> Reply | None:
    """Check a signature as AWS does: botocore signs what was received again."""
    found = AUTHORIZATION.fullmatch(post.headers["authorization"])
    assert found
    key, _, region, service, names, signature = found.groups()
    headers = {name: post.headers[name] for name in names.split(";")}
    url = f"https://{post.headers['host']}{post.target}"
    request = AWSRequest("POST", url, headers=headers, data=post.body)
    request.context["timestamp"] = post.headers["x-amz-date"]
    signer = SigV4Auth(Credentials(key, SECRET, TOKEN), service, region)
    canonical = signer.canonical_request(request)
    expected = signer.signature(signer.string_to_sign(request, canonical), request)
    complete = {"host", "x-amz-date", "x-amz-security-token"} <= headers.keys()
    if signature == expected and complete and headers["x-amz-security-token"] == TOKEN:
        return None
    return error(403, "InvalidSignatureException", f"for {post.target}")


def test_posts_are_signed_as_aws_checks_it(sender: SenderProcess, api: FakeApi) -> None:
    api.override = signature_error
    ids = [*new_ids(50), "PJqB0fHsqRcCHlw=", "a-b_c9fHsqRcCHl=", "AAAAAAAAAAAAAAAA"]
    custom_domain = api.url.replace("/dev", "")
    result = sender.send([*recipients(api, ids), *((each, custom_domain) for each in new_ids(5))])
    assert result.error == ""
    assert result.counts["delivered"] == len(ids) + 5
    posts = [each.post for each in api.answered]
    assert {post.target.split("@")[0] for post in posts} == {"/dev/", "/"}
    assert {post.body for post in posts} == {PAYLOAD}
    assert {"/eu-west-1/execute-api/" in post.headers["authorization"] for post in posts} == {True}


@contextmanager
def credentials_server() -> Iterator[tuple[str, list[str]]]:
    """Serve credentials as Lambda and ECS do.

    It yields its URL and the access keys. It gives the last of them, valid for five minutes.
    """
    keys = ["OLD"]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            expires = datetime.now(timezone.utc) + timedelta(minutes=5)
            body = {"AccessKeyId": keys[-1], "SecretAccessKey": SECRET, "Token": TOKEN}
            response = json.dumps({**body, "Expiration": expires.isoformat()}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(response)))
            self.end_headers()
            self.wfile.write(response)

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


def test_credentials_that_change_while_sending_deliver_to_all(
    app: Path, certificate: Certificate, api: FakeApi, tmp_path: Path
) -> None:
    with credentials_server() as (url, keys):

        def accept_last_key(post: Post) -> Reply | None:
            if len(api.statuses(200)) == 200 and keys[-1] == "OLD":
                keys.append("NEW")
            if f"={keys[-1]}/" not in post.headers["authorization"]:
                return error(403, "ExpiredTokenException", "The security token is expired")
            return signature_error(post)

        api.override = accept_last_key
        variables = {"AWS_CA_BUNDLE": str(certificate.authority), "FANOUT_RPS": "5000"}
        variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url
        with run_sender(app, tmp_path / "log", **variables) as sender:
            ids = new_ids(600)
            result = sender.send(recipients(api, ids))
            assert_consistent(result, ids, api)
            assert result.counts["delivered"] == len(ids)
            assert keys == ["OLD", "NEW"]


def test_missing_credentials_raise(
    app: Path, certificate: Certificate, api: FakeApi, tmp_path: Path
) -> None:
    variables = {"AWS_CA_BUNDLE": str(certificate.authority), "HOME": str(tmp_path)}
    with run_sender(app, tmp_path / "log", **variables) as sender:
        assert "NoCredentialsError" in sender.send(recipients(api, new_ids(300))).error
    assert api.answered == []

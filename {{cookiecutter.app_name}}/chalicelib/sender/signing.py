"""Sign requests to the management API with Signature Version 4.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html

botocore's signer takes a third of a millisecond for a request. Most of that is for parts that are
the same in all requests of one second. Here they are computed once a second.
"""

import hmac
import os
import time
from email.utils import parsedate_to_datetime
from hashlib import sha256
from urllib.parse import quote, urlsplit

from botocore.exceptions import NoCredentialsError, NoRegionError

from chalicelib.aws import ENDPOINT_VARIABLE, session
from chalicelib.sender.http11 import Response
from chalicelib.sender.sockets import Origin

# AWS refuses a signature whose time is minutes off. A smaller error is not the cause of a refusal.
MAX_CLOCK_ERROR_SECONDS = 60


class Signer:
    """A maker of signed requests that post one payload to the connections of one endpoint.

    Args:
        endpoint: URL of the management API. The URL of an emulator in the environment
            overrides it.
        payload: the body of each request.
    """

    def __init__(self, endpoint: str, payload: bytes) -> None:
        url = urlsplit(os.environ.get(ENDPOINT_VARIABLE) or endpoint)
        tls = url.scheme == "https"
        self.origin = Origin(url.hostname or "", url.port or (443 if tls else 80), tls)
        self.access_key = ""
        self._authority = url.netloc
        self._path = f"{url.path.rstrip('/')}/@connections/"
        self._canonical_path = quote(self._path)
        self._payload = payload
        self._payload_hash = sha256(payload).hexdigest()
        self._signed_second = 0

    def request(self, connection_id: str) -> bytes:
        """Return the request that posts the payload to a connection."""
        if int(time.time()) != self._signed_second:
            self.refresh()
        quoted_id = quote(connection_id, safe="")
        # The signed path is encoded twice, as for all services but S3.
        signed_id = quoted_id.replace("%", "%25")
        canonical_request = f"POST\n{self._canonical_path}{signed_id}{self._canonical_rest}"
        digest = sha256(canonical_request.encode()).hexdigest()
        signature = hmac.digest(self._key, (self._to_sign + digest).encode(), "sha256").hex()
        head = f"POST {self._path}{quoted_id} HTTP/1.1\r\n{self._headers}{signature}\r\n\r\n"
        return head.encode() + self._payload

    def refresh(self) -> None:
        """Read the credentials and the clock, and compute what all requests of a second share."""
        credentials = session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        if session.region_name is None:
            raise NoRegionError
        # This renews the credentials shortly before they expire.
        frozen = credentials.get_frozen_credentials()
        self.access_key = frozen.access_key
        now = time.time()
        self._signed_second = int(now)
        timestamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        scope = [timestamp[:8], session.region_name, "execute-api", "aws4_request"]
        self._key = f"AWS4{frozen.secret_key}".encode()
        for part in scope:
            self._key = hmac.digest(self._key, part.encode(), "sha256")

        signed = {"host": self._authority, "x-amz-date": timestamp}
        if frozen.token:
            signed["x-amz-security-token"] = frozen.token
        lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
        names = ";".join(signed)
        self._canonical_rest = f"\n\n{lines}\n{names}\n{self._payload_hash}"
        self._to_sign = f"AWS4-HMAC-SHA256\n{timestamp}\n{'/'.join(scope)}\n"
        headers = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        self._headers = (
            f"{headers}content-length: {len(self._payload)}\r\n"
            f"authorization: AWS4-HMAC-SHA256 Credential={frozen.access_key}/{'/'.join(scope)}, "
            f"SignedHeaders={names}, Signature="
        )


def explain_forbidden(response: Response) -> str:
    """Return what to change, for a response with the status 403."""
    error_type = response.headers.get("x-amzn-errortype", "").partition(":")[0]
    body = response.body[:500].decode(errors="replace")
    answer = f"API Gateway answered {error_type}: {body}"
    if "Token" in error_type or "UnrecognizedClient" in error_type:
        return f"the credentials are no longer valid; {answer}"
    if "Signature" in error_type:
        try:
            server_time = parsedate_to_datetime(response.headers["date"]).timestamp()
        except (KeyError, ValueError):
            server_time = time.time()
        clock_error_seconds = time.time() - server_time
        if abs(clock_error_seconds) > MAX_CLOCK_ERROR_SECONDS:
            return f"this clock is {clock_error_seconds:+.0f} s off; set it right; {answer}"
        return f"the secret key does not belong to the access key; {answer}"
    return f"allow execute-api:ManageConnections to this function; {answer}"

"""Requests to the management API, signed: once a second for a payload, cheaply for a recipient.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
botocore's signer takes a third of a millisecond a request, most of it for what stays the same.
"""

import hmac
import os
import time
from email.utils import parsedate_to_datetime
from hashlib import sha256
from urllib.parse import quote, urlsplit

from botocore.exceptions import NoCredentialsError, NoRegionError

from chalicelib.aws import ENDPOINT_VARIABLE, session
from chalicelib.sender.http11 import Answer


class Signer:
    """Makes the requests that post one payload to the connections of one endpoint.

    Args:
        endpoint: URL of the management API; an emulator's, if there is one, wins.
        payload: what is posted.
    """

    def __init__(self, endpoint: str, payload: bytes) -> None:
        url = urlsplit(os.environ.get(ENDPOINT_VARIABLE) or endpoint)
        self.tls = url.scheme == "https"
        self.host = url.hostname or ""
        self.port = url.port or (443 if self.tls else 80)
        self.access_key = ""
        self._authority = url.netloc
        self._path = f"{url.path.rstrip('/')}/@connections/"
        self._canonical_path = quote(self._path)
        self._payload = payload
        self._payload_hash = sha256(payload).hexdigest()
        self._second = 0

    def request(self, connection_id: str) -> bytes:
        """The request that posts the payload to a connection, as it goes over the wire."""
        if int(time.time()) != self._second:
            self.renew()
        name = quote(connection_id, safe="")
        # The path is encoded twice in what is signed: all services but S3 do so.
        twice = name.replace("%", "%25")
        canonical = f"POST\n{self._canonical_path}{twice}{self._canonical_rest}"
        digest = sha256(canonical.encode()).hexdigest()
        signature = hmac.digest(self._key, (self._to_sign + digest).encode(), "sha256").hex()
        head = f"POST {self._path}{name} HTTP/1.1\r\n{self._headers}{signature}\r\n\r\n"
        return head.encode() + self._payload

    def renew(self) -> None:
        """Take the credentials and the time as they are now."""
        credentials = session.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        if session.region_name is None:
            raise NoRegionError
        frozen = credentials.get_frozen_credentials()  # which renews them when that is due
        self.access_key = frozen.access_key
        now = time.time()
        self._second = int(now)
        at = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
        scope = [at[:8], session.region_name, "execute-api", "aws4_request"]
        self._key = f"AWS4{frozen.secret_key}".encode()
        for part in scope:
            self._key = hmac.digest(self._key, part.encode(), "sha256")

        signed = {"host": self._authority, "x-amz-date": at}
        if frozen.token:
            signed["x-amz-security-token"] = frozen.token
        lines = "".join(f"{name}:{value}\n" for name, value in signed.items())
        names = ";".join(signed)
        self._canonical_rest = f"\n\n{lines}\n{names}\n{self._payload_hash}"
        self._to_sign = f"AWS4-HMAC-SHA256\n{at}\n{'/'.join(scope)}\n"
        headers = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        self._headers = (
            f"{headers}content-length: {len(self._payload)}\r\n"
            f"authorization: AWS4-HMAC-SHA256 Credential={frozen.access_key}/{'/'.join(scope)}, "
            f"SignedHeaders={names}, Signature="
        )


def why(answer: Answer) -> str:
    """What to change, where API Gateway has answered 403."""
    kind = answer.headers.get("x-amzn-errortype", "").partition(":")[0]
    said = f"API Gateway said {kind}: {answer.body[:500].decode(errors='replace')}"
    if "Token" in kind or "UnrecognizedClient" in kind:
        return f"the credentials are no longer valid; {said}"
    if "Signature" in kind:
        try:
            there = parsedate_to_datetime(answer.headers["date"]).timestamp()
        except (KeyError, ValueError):
            there = time.time()
        off = time.time() - there
        if abs(off) > 60:
            return f"this clock is {off:+.0f} s off: set it right; {said}"
        return f"the secret key is not that of the access key; {said}"
    return f"allow execute-api:ManageConnections to this function; {said}"

"""Post one payload to WebSocket connections, and map each response to a status or an error."""

import asyncio
import logging
import ssl
import time

from chalicelib.sender.connection import HTTPConnection
from chalicelib.sender.http11 import Response
from chalicelib.sender.pool import Pool
from chalicelib.sender.rate_limit import RateLimit
from chalicelib.sender.signing import Signer, explain_forbidden
from chalicelib.sender.sockets import Origin
from chalicelib.sender.types import MISSING_CONNECTION_ID, STALE_STATUSES, Forbidden, Status

log = logging.getLogger(__name__)

RESPONSE_TIMEOUT_SECONDS = 3

# For the first request over an idle HTTP connection, which may have ended in silence.
FIRST_RESPONSE_TIMEOUT_SECONDS = 1.5

# The time for which the answer to a call with MISSING_CONNECTION_ID is used.
QUOTA_SECONDS = 0.5


class Throttled(OSError):
    """A 429: the account's quota is used up, or the recipient reads too slowly."""


class Rejected(Exception):
    """A response that another attempt would not change."""


class Blocked(Exception):
    """An error that concerns all recipients of an endpoint. It is logged once."""


class ManagementAPI:
    """The management API, called with one payload.

    `blocked` has the error of each endpoint that nothing can be sent to.
    """

    def __init__(self, pool: Pool, payload: bytes, rate_limit: RateLimit) -> None:
        self.blocked: dict[str, Exception] = {}
        self._pool = pool
        self._payload = payload
        self._rate_limit = rate_limit
        self._signers: dict[str, Signer] = {}
        self._quota_lock = asyncio.Lock()
        self._has_quota = False
        self._quota_until = 0.0

    async def post(self, connection_id: str, endpoint: str) -> Status:
        """Post the payload to a WebSocket connection; return "delivered" or "gone".

        Raises:
            OSError: another attempt may succeed. After a 429 it is Throttled.
            Rejected: another attempt would not succeed.
            Blocked: no attempt with this endpoint would succeed.
        """
        if endpoint in self.blocked:
            raise Blocked
        try:
            return await self._post(connection_id, endpoint)
        except (Forbidden, ssl.SSLCertVerificationError) as error:
            if endpoint not in self.blocked:
                log.error("nothing can be sent to %s: %s", endpoint, error)
            self.blocked[endpoint] = error
            raise Blocked from error

    async def has_quota(self, endpoint: str) -> bool:
        """Return whether the account's quota accepts a call now.

        API Gateway answers 429 for a connection that does not exist only if the quota is used up.
        The answer holds for QUOTA_SECONDS.
        """
        async with self._quota_lock:
            if time.monotonic() >= self._quota_until:
                self._has_quota = await self._is_call_accepted(endpoint)
                self._quota_until = time.monotonic() + QUOTA_SECONDS
                if self._has_quota:
                    self._rate_limit.on_quota_available()
        return self._has_quota

    async def _is_call_accepted(self, endpoint: str) -> bool:
        signer = self._signer(endpoint)
        try:
            response = await self._exchange(signer.origin, signer.request(MISSING_CONNECTION_ID))
        except OSError:
            return False
        return response.status < 500 and response.status not in (408, 429)

    def _signer(self, endpoint: str) -> Signer:
        if endpoint not in self._signers:
            self._signers[endpoint] = Signer(endpoint, self._payload)
        return self._signers[endpoint]

    async def _post(self, connection_id: str, endpoint: str) -> Status:
        signer = self._signer(endpoint)
        request, access_key = signer.request(connection_id), signer.access_key
        response = await self._exchange(signer.origin, request)
        if response.status in (200, 410):
            self._rate_limit.on_accepted()
            return "delivered" if response.status == 200 else "gone"
        if response.status == 403:
            signer.refresh()
            if signer.access_key == access_key:
                raise Forbidden(explain_forbidden(response))
            raise OSError("the credentials were renewed meanwhile")
        problem = f"{response.status} {response.body[:200].decode(errors='replace')}"
        if response.status == 429:
            self._rate_limit.on_throttled()
            raise Throttled(problem)
        if response.status < 500 and response.status != 408:
            raise Rejected(problem)
        raise OSError(problem)

    async def _exchange(self, origin: Origin, request: bytes) -> Response:
        """Send a request over an idle HTTP connection or a new one; return the response."""
        connection = self._pool.take_idle(origin)
        if connection and self._pool.is_unconfirmed(connection):
            try:
                response = await self._send(connection, request, FIRST_RESPONSE_TIMEOUT_SECONDS)
                if response.status not in STALE_STATUSES:
                    return response
                connection.close()
            except ConnectionError:
                pass
            # The others have probably ended too.
            self._pool.close_unconfirmed()
            connection = self._pool.take_idle(origin)
        connection = connection or await self._pool.open(origin)
        return await self._send(connection, request, RESPONSE_TIMEOUT_SECONDS)

    async def _send(
        self, connection: HTTPConnection, request: bytes, timeout_seconds: float
    ) -> Response:
        response = await connection.send(request, timeout_seconds)
        self._pool.put_back(connection)
        return response

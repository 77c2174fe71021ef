"""A connection that opens again by itself.

Strategy: one task opens a `Link`, greets the server over it, and waits until it ends or is due for
renewal. A new link is open before an old one that works is closed, so that nothing is missed.
"""

import asyncio
import inspect
import logging
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, InvalidURI, WebSocketException
from websockets.typing import Subprotocol

from clients.errors import ClientError, Closed, Offline, Refused, RequestError, SignedOut
from clients.frames import Frame
from clients.link import Link
from clients.timing import Timing
from clients.token import seconds_left

# A function, or a coroutine function, that returns a token; None if nobody is signed in.
GetToken = Callable[[], str | Awaitable[str | None] | None]

log = logging.getLogger(__name__)

PROTOCOL = Subprotocol("chalice-ws.v1")

MAX_TRIES = 5

# API Gateway answers so where the token, the origin, the stage or the path is wrong.
REFUSED_STATUSES = (401, 403, 404)


class Connection:
    """A connection to one server.

    Args:
        address: a ws: or wss: address.
        get_token: called before each handshake. None: the client is a guest.
        timing: the times of the connection.
    """

    def __init__(self, address: str, get_token: GetToken | None, timing: Timing) -> None:
        if urlsplit(address).scheme not in ("ws", "wss") or not urlsplit(address).hostname:
            raise ValueError(f"the address is not valid (got {address!r}); use wss://...")
        self.online = asyncio.Event()
        # The error after which the client does not connect again.
        self.final: ClientError | None = None
        self._address = address
        self._get_token = get_token
        self._timing = timing
        self._link: Link | None = None
        self._refused_count = 0
        # Whether there was no connection until the present one.
        self._was_cut = True

    def on_frame(self, frame: Frame) -> None:
        """Receive a frame that is no reply."""

    def on_close(self, code: int, reason: str) -> None:
        """Receive the code and the reason with which the server has closed a connection."""

    async def greet(self, token: str | None) -> None:
        """Send the first requests over a new connection."""

    async def beat(self) -> None:
        """Send a request that keeps the connection from being idle."""

    async def request(self, action: str, **fields: Any) -> Frame:
        """Send a request once, and return its reply without the id.

        Raises:
            RequestError: the reply is an error.
            Offline: there is no connection, or it ended before the reply.
            TimeoutError: no reply came in time.
            SignedOut, Refused, Closed: the client does not connect any more.
        """
        if self.final:
            raise self.final
        if self._link is None:
            raise Offline("not connected; wait for wait_online()")
        return await self._link.request(action, fields)

    async def insist(self, action: str, **fields: Any) -> Frame:
        """Send a request that the server may get twice. Retry if it says so, or does not answer.

        Raises:
            RequestError: the server refuses it.
            Offline: the connection has ended, or was given up because of this request.
        """
        link, tries = self._link, 0
        while tries < MAX_TRIES and link is self._link:
            try:
                return await self.request(action, **fields)
            except TimeoutError:
                pass
            except RequestError as error:
                if error.code == "too_fast":
                    # The server names the time. This is not a failed try.
                    await asyncio.sleep(error.retry_after_seconds)
                    continue
                if error.code != "try_again":
                    raise
            tries += 1
            await asyncio.sleep(random.uniform(0, self._timing.first_pause_seconds / 4 * 2**tries))
        if link and link is self._link:
            link.abort()
        raise Offline("the connection has ended")

    def cut(self) -> None:
        """End the connection without a close frame, as a lost network does. The next opens soon."""
        if self._link:
            self._link.abort()

    async def run(self) -> None:
        """Keep the client connected until cancelled.

        Raises:
            SignedOut: get_token returned None, or the server said bye for another reason than an
                expired token.
            Refused: the server refuses the handshake for good.
        """
        failures = 0
        try:
            while True:
                was_online = await self._live()
                self.online.clear()
                self._link = None
                if self.final:
                    raise self.final
                failures = 0 if was_online else failures + 1
                pause = min(
                    self._timing.max_pause_seconds, self._timing.first_pause_seconds * 2**failures
                )
                await asyncio.sleep(random.uniform(0, pause))
        except ClientError as error:
            self.final = error
            raise
        finally:
            self.final = self.final or Closed("the client is closed")
            self.online.clear()
            link, self._link = self._link, None
            if link:
                await link.close()

    async def _live(self) -> bool:
        """Open a connection, and renew it until it ends. Return whether it was online."""
        was_online = False
        while True:
            try:
                token, link = await self._open()
            except (OSError, TimeoutError, asyncio.TimeoutError, WebSocketException, Offline):
                if not (self._link and self._link.is_open):
                    return was_online
                # The old connection still works.
                await self._wait(self._link, self._timing.max_pause_seconds)
                continue
            old, self._link = self._link, link
            self._was_cut = old is None or not old.is_open
            try:
                await self.greet(token)
                if link.is_open:
                    was_online = True
                    self._was_cut = False
                    self._refused_count = 0
                    self.online.set()
            except (Offline, TimeoutError):
                pass
            finally:
                # The old link is closed last, since messages came over it until now.
                if old:
                    await old.close()
            renew_seconds = min(self._timing.renew_seconds, seconds_left(token))
            if self.final or not await self._wait(link, renew_seconds * random.uniform(0.75, 0.9)):
                return was_online

    async def _wait(self, link: Link, seconds: float) -> bool:
        """Keep a link from being idle. Return False if it has ended, True after `seconds`."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            beat_seconds = self._timing.heartbeat_seconds * random.uniform(0.75, 1.25)
            await link.wait_closed(min(left, beat_seconds))
            if not link.is_open:
                return False
            if left > beat_seconds:
                with suppress(ClientError, TimeoutError):
                    await self.beat()
        return True

    async def _open(self) -> tuple[str | None, Link]:
        token = None
        if self._get_token:
            try:
                given = self._get_token()
                token = await given if inspect.isawaitable(given) else given
            except Exception as error:
                log.exception("no token; trying again")
                raise Offline("there is no token") from error
            if token is None:
                raise SignedOut("nobody is signed in; sign in")
        try:
            socket = await self._connect(token)
        except InvalidURI as error:
            raise Refused(str(error)) from None
        except InvalidStatus as error:
            status = error.response.status_code
            self._refused_count += status in REFUSED_STATUSES
            # With get_token one refusal is not final: the next handshake gets a new token.
            if self._refused_count > bool(self._get_token):
                raise Refused(
                    f"the server refused the handshake (got {status});"
                    " look at the token, the origin and the stage in the address"
                ) from None
            raise
        return token, Link(socket, self.on_frame, self.on_close, self._timing.reply_seconds)

    async def _connect(self, token: str | None) -> ClientConnection:
        return await connect(
            self._address,
            subprotocols=[PROTOCOL, Subprotocol(token)] if token else None,
            open_timeout=self._timing.open_seconds,
            # A ping may not count as activity at API Gateway. The heartbeat is a request.
            ping_interval=None,
            # A proxy does not reach this machine.
            proxy=None if _is_loopback(self._address) else True,
        )


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

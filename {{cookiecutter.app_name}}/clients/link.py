"""One WebSocket: its requests, each with one reply, and the frames that are no reply."""

import asyncio
import time
from collections.abc import Callable
from itertools import count

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from clients.errors import Offline, RequestError
from clients.frames import Frame, decode, encode

# Ids are not used again on another connection, so that a late reply cannot be taken for another.
_ids = count(1)


class Link:
    """An open WebSocket.

    Args:
        socket: the WebSocket.
        on_frame: called with each frame that is no reply.
        on_close: called with the code and the reason if the server, or the network, ends it.
        reply_timeout_seconds: the longest wait for a reply.
    """

    def __init__(
        self,
        socket: ClientConnection,
        on_frame: Callable[[Frame], None],
        on_close: Callable[[int, str], None],
        reply_timeout_seconds: float,
    ) -> None:
        self._socket = socket
        self._on_frame = on_frame
        self._on_close = on_close
        self._is_ended = False
        self._reply_timeout_seconds = reply_timeout_seconds
        self._replies: dict[str, asyncio.Future[Frame]] = {}
        self._heard_at = time.monotonic()
        self._reading = asyncio.create_task(self._read())

    @property
    def is_open(self) -> bool:
        """True until the connection has ended."""
        return not self._reading.done()

    async def request(self, action: str, fields: Frame) -> Frame:
        """Send a request, and return its reply without the id.

        Raises:
            RequestError: the reply is an error, or the fields cannot be sent.
            TimeoutError: no reply came in time, but other frames did.
            Offline: the connection has ended. It is ended here if nothing at all came in time.
        """
        request_id = f"{next(_ids)}"
        text = encode({**fields, "action": action, "id": request_id})
        reply = self._replies[request_id] = asyncio.get_running_loop().create_future()
        asked_at = time.monotonic()
        try:
            if not self.is_open:
                raise Offline("not connected; wait for wait_online()")
            await self._socket.send(text)
            # asyncio.wait_for loses a cancellation that comes with the reply, before Python 3.12.
            await asyncio.wait({reply}, timeout=self._reply_timeout_seconds)
            if reply.done():
                frame = reply.result()
            elif self._heard_at < asked_at:
                self.abort()
                raise Offline("the server does not answer")
            else:
                raise TimeoutError(f"no reply to {action}")
        except ConnectionClosed:
            raise Offline("the connection has ended") from None
        finally:
            del self._replies[request_id]
        if frame.get("type") == "error":
            raise RequestError(frame)
        return {name: value for name, value in frame.items() if name != "id"}

    async def wait_closed(self, timeout_seconds: float | None = None) -> None:
        """Wait until the connection has ended, or for `timeout_seconds`."""
        await asyncio.wait({self._reading}, timeout=timeout_seconds)

    async def close(self) -> None:
        """Close the connection."""
        self._is_ended = True
        await self._socket.close()
        await self.wait_closed()

    def abort(self) -> None:
        """End the connection at once, without a close frame."""
        self._is_ended = True
        self._socket.transport.abort()

    async def _read(self) -> None:
        try:
            async for text in self._socket:
                self._heard_at = time.monotonic()
                self._receive(text)
        except ConnectionClosed:
            pass
        finally:
            if not self._is_ended:
                self._on_close(self._socket.close_code or 1006, self._socket.close_reason or "")
            self.abort()
            for reply in self._replies.values():
                if not reply.done():
                    reply.set_exception(Offline("the connection has ended"))

    def _receive(self, text: str | bytes) -> None:
        frame = decode(text)
        if frame is None:
            # A server may send what this client does not know.
            return
        request_id = frame.get("id")
        reply = self._replies.get(request_id) if isinstance(request_id, str) else None
        if reply is None:
            self._on_frame(frame)
        elif not reply.done():
            reply.set_result(frame)

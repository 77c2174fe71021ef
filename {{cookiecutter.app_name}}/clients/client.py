"""A client that is online again after each cut, and goes on where it was.

    async with Client("wss://...", name="Ann", channels=["tea"]) as client:
        messages = client.messages("tea")
        await client.broadcast("tea", "It is ready")
        async for message in messages:
            print(message["from"], message["data"])

It hands out each message of its channels once, over all connections. Where the server did not keep
all that it missed, it hands out a `gap`. It sends each broadcast once and in order, also one that
was made offline. docs/protocol.md has the rules.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

from clients.connection import Connection, GetToken
from clients.errors import ClientError, Closed, Offline, RequestError, SignedOut
from clients.events import Events, Streams
from clients.frames import Frame
from clients.outbox import Outbox
from clients.subscriptions import Subscriptions
from clients.timing import Timing
from clients.token import claims

log = logging.getLogger(__name__)

LOBBY = "lobby"
# A push of such a type could not be told from an event of the client.
OWN_TYPES = ("gap", "close")


class Client(Connection):
    """A client of one server; an asynchronous context manager.

    Args:
        address: a ws: or wss: address.
        name: the name that others see. The server makes one for a client without.
        channels: the channels to be in, beside the lobby. A mapping has for each the `mark` of an
            earlier client (see `marks`): the messages since then come too.
        get_token: a function, or a coroutine function, asked before each handshake for the token
            of a person. None: nobody is signed in.
        timing: the times of the connection.

    Raises:
        ValueError: the address is not valid.
    """

    def __init__(
        self,
        address: str,
        *,
        name: str = "",
        channels: Iterable[str] | Mapping[str, str] = (),
        get_token: GetToken | None = None,
        timing: Timing | None = None,
    ) -> None:
        super().__init__(address, get_token, timing or Timing())
        marks = channels if isinstance(channels, Mapping) else dict.fromkeys(channels, "")
        self.name = name
        self.user = ""
        self._streams = Streams()
        self._subscriptions = Subscriptions({LOBBY: "", **marks}, self.insist, self._streams.put)
        self._outbox = Outbox(self.online, lambda fields: self.insist("broadcast", **fields))
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> "Client":
        self._tasks = [asyncio.create_task(each) for each in (self._run(), self._outbox.run())]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def channels(self) -> list[str]:
        """The channels that the client is in, or will be when it is online."""
        return list(self._subscriptions.cursors)

    @property
    def marks(self) -> dict[str, str]:
        """The id in each channel up to which the client has handed out all messages."""
        cursors = self._subscriptions.cursors
        return {channel: cursor.mark for channel, cursor in cursors.items()}

    @property
    def unsent_count(self) -> int:
        """The number of broadcasts that the server has not acknowledged."""
        return len(self._outbox)

    async def wait_online(self) -> None:
        """Wait until the client is connected and has all messages that it missed.

        Raises:
            SignedOut, Refused, Closed: it does not connect any more.
        """
        waiting = asyncio.create_task(self.online.wait())
        try:
            await asyncio.wait({waiting, *self._tasks[:1]}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if not self.online.is_set():
            raise self.final or Closed("the client is closed")

    def messages(self, *channels: str) -> Events:
        """Return a stream of the messages that are handed out from now on.

        The messages of one sender are in order; sort by `message_id` to have the order that all
        clients have.

        Args:
            channels: those to listen to; all of them if there is none.
        """
        return self.events("message", *channels)

    def events(self, kind: str = "", *channels: str) -> Events:
        """Return a stream of frames of a type from now on, or of all types.

        The client adds three types to the server's pushes. {"type": "gap", "channel"}: messages
        may be missing after a cut, since the server did not keep them. {"type": "error", "code"}:
        the server refuses the name, or to join the `channel` again. {"type": "close", "code",
        "reason"}: the server has closed a connection.
        """

        def wants(frame: Frame) -> bool:
            is_kind = not kind or frame.get("type") == kind
            return is_kind and (not channels or frame.get("channel") in channels)

        return self._streams.open(wants)

    def broadcast(self, channel: str, data: Any) -> "asyncio.Future[Frame]":
        """Queue a message, which is sent when the one before it was acknowledged.

        Returns:
            A future with the server's reply, or with the error for which the message is given up.
        """
        result = self._outbox.add(channel, data)
        if self.final:
            self._outbox.reject(self.final)
        return result

    async def join(self, channel: str) -> None:
        """Join a channel, on this connection and on later ones.

        Raises:
            RequestError: the server refuses.
        """
        await self._subscriptions.join(channel, self._was_cut)

    async def leave(self, channel: str) -> None:
        """Leave a channel, on this connection and on later ones."""
        with suppress(Offline):
            await self.insist("leave", channel=channel)
        self._subscriptions.cursors.pop(channel, None)

    async def set_name(self, name: str) -> None:
        """Set the name that others see, on this connection and on later ones."""
        with suppress(Offline):
            name = str((await self.insist("name", name=name)).get("name", name))
        self.name = name

    async def mark_read(self, channel: str, message_id: str, *, only: bool = False) -> None:
        """Mark the messages up to one as read, on all devices of the person who is signed in.

        Args:
            channel: a channel that the client is in.
            message_id: the id of the last message that is read.
            only: mark this message alone.

        Raises:
            RequestError: the server refuses, such as for a guest.
        """
        fields = {"only": True} if only else {}
        await self.insist("read", channel=channel, message_id=message_id, **fields)

    async def close(self) -> None:
        """Close the connection, and end all streams. What was not sent gets `Closed`."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._end(self.final or Closed("the client is closed"))

    async def greet(self, token: str | None) -> None:
        """Name the client, join its channels, and hand out what it has missed."""
        self.user = str(claims(token).get("sub", ""))
        if self.user:
            self._subscriptions.add(f"@{self.user}")
        if self.name:
            try:
                await self.insist("name", name=self.name)
            except RequestError as error:
                # The name comes from the token, say, or the action is switched off.
                self._streams.put(error.reply)
        await self.beat()

    async def beat(self) -> None:
        """Ask each channel for messages whose delivery has failed, and hand them out."""
        await self._subscriptions.resume_all(self._was_cut)

    def on_frame(self, frame: Frame) -> None:
        """Hand out a push, after a check of the fields that the client itself uses."""
        # After "expired", a new token lets the client in again.
        if frame.get("type") == "bye" and frame.get("code") != "expired":
            self.final = SignedOut(str(frame.get("message", "sign in again")))
            self.cut()
        if frame.get("type") == "message" and frame.get("keep") is not False:
            self._subscriptions.push(frame)
        elif frame.get("type") not in OWN_TYPES:
            self._streams.put(frame)

    def on_close(self, code: int, reason: str) -> None:
        """Hand out why the server has closed a connection."""
        self._streams.put({"type": "close", "code": code, "reason": reason})

    async def _run(self) -> None:
        try:
            await self.run()
        except ClientError as error:
            self._end(error)
        except Exception as error:
            log.exception("the client has ended")
            self._end(Closed(f"the client failed ({type(error).__name__})"))

    def _end(self, error: ClientError) -> None:
        self.final = error
        self._streams.close()
        self._outbox.reject(error)

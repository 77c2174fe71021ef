"""A client that loses nothing: the rules of web/client.js, in Python.

It is shorter than its model, and hastier: it neither renews its connection nor waits long.
"""

import asyncio
import json
import random
import time
from collections import Counter
from contextlib import suppress
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, WebSocketException

Frame = dict[str, Any]

LOBBY = "lobby"
START = "000000000000-0000000000000000"
PAGE = 100
FIRST_WINDOW = 0.1
LONGEST_WINDOW = 2.0


class Offline(Exception):
    """The connection is gone; what was asked for is to be asked again over the next."""


class Refused(Exception):
    """The server has said no; the first argument is its error frame."""


class Cursor:
    """A client's position in a channel, and its messages."""

    def __init__(self) -> None:
        self.mark = ""
        self.held: list[Frame] | None = None
        self.messages: dict[str, Frame] = {}  # each once, by what tells it from others

    def take(self, frame: Frame) -> bool:
        """Keep a message unless it is there, perhaps under another id; return whether it is new."""
        key = frame["message_id"]
        if frame["from"] and "nonce" in frame:
            # A guest has another connection after a cut: its data stands for it.
            sender = frame["from"].get("user", json.dumps(frame["data"]))
            key = f"{frame['nonce']} {sender}"
        return self.messages.setdefault(key, frame) is frame

    def sorted(self) -> list[Frame]:
        """All messages, in the order of their ids."""
        return sorted(self.messages.values(), key=lambda frame: str(frame["message_id"]))


class Client:
    """One client; `run` keeps it connected until it is cancelled.

    Args:
        url: where to connect.
        name: the client's name, which its messages bear.
        channels: those to be in, beside the lobby.
        patience: seconds to wait for a reply, and about as many from one heartbeat to the next,
            with which comes what a failed delivery has left out.
        chance: decides how long to wait.
    """

    def __init__(
        self, url: str, name: str, channels: list[str], patience: float, chance: random.Random
    ) -> None:
        self.name = name
        self.cursors = {channel: Cursor() for channel in [LOBBY, *channels]}
        self.outbox: list[tuple[str, str, Any]] = []
        self.joined = channels
        self.counts: Counter[str] = Counter()
        self.healthy = asyncio.Event()
        self._url = url
        self._patience = patience
        self._chance = chance
        self._socket: ClientConnection | None = None
        self._waiting: dict[str, asyncio.Future[Frame]] = {}
        self._last_id = 0
        self._heard_at = 0.0
        self._wake = asyncio.Event()

    def broadcast(self, channel: str, data: Any) -> None:
        """Queue a message."""
        token = f"{self._chance.getrandbits(128):032x}"
        self.outbox.append((token, channel, data))
        self._wake.set()

    def cut(self) -> None:
        """Lose the connection, as in a tunnel: without a close frame."""
        if self._socket:
            self._socket.transport.abort()

    async def run(self) -> None:
        """Be connected, and again after each cut."""
        failures = 0
        while True:
            with suppress(OSError, WebSocketException, InvalidHandshake, asyncio.TimeoutError):
                async with connect(
                    self._url, proxy=None, open_timeout=self._patience, ping_interval=None
                ) as self._socket:
                    self.counts["connections"] += 1
                    if await self._live(self._socket):
                        failures = 0
            self.healthy.clear()
            self.counts["lost"] += 1
            window = min(LONGEST_WINDOW, FIRST_WINDOW * 2**failures)
            failures += 1
            await asyncio.sleep(self._chance.uniform(0, window))

    async def heal(self) -> None:
        """Look in each channel for what is missing."""
        for channel, cursor in self.cursors.items():
            await self._resume(channel, cursor)

    async def _live(self, socket: ClientConnection) -> bool:
        work = asyncio.create_task(self._work())
        reading = asyncio.create_task(self._read(socket))
        try:
            await asyncio.wait({work, reading}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, reading):
                task.cancel()
            outcomes = await asyncio.gather(work, reading, return_exceptions=True)
            for future in self._waiting.values():
                if not future.done():
                    future.set_exception(Offline())
                    future.exception()
            self._waiting.clear()
            socket.transport.abort()
        for outcome in outcomes:
            if isinstance(outcome, Exception) and not isinstance(
                outcome, Offline | WebSocketException | OSError
            ):
                raise outcome
        return self.healthy.is_set()

    async def _work(self) -> None:
        await self._insist("name", name=self.name)
        await self.heal()
        self.healthy.set()
        await asyncio.gather(self._beat(), self._pump())

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(self._chance.uniform(0.75, 1.25) * self._patience)
            await self.heal()

    async def _pump(self) -> None:
        while True:
            while self.outbox:
                token, channel, data = self.outbox[0]
                fields = {"channel": channel, "data": data, "nonce": token}
                await self._insist("broadcast", **fields)
                self.outbox.pop(0)
            self._wake.clear()
            await self._wake.wait()

    async def _resume(self, channel: str, cursor: Cursor) -> None:
        since = cursor.mark
        if cursor.held is None:
            cursor.held = []
        page = await self._insist("join", channel=channel, limit=PAGE, **_since(since))
        self._hand_out(cursor, page["messages"])
        while since and page["more"]:
            self.counts["pages"] += 1
            last = page["messages"][-1]["message_id"]
            page = await self._insist("history", channel=channel, limit=PAGE, since=last)
            self._hand_out(cursor, page["messages"])
        cursor.mark = max(
            (frame["message_id"] for frame in cursor.messages.values()), default=START
        )
        held, cursor.held = cursor.held, None
        self._hand_out(cursor, held)

    def _hand_out(self, cursor: Cursor, messages: list[Frame]) -> None:
        for frame in messages:
            self.counts["new" if cursor.take(frame) else "doubles"] += 1

    async def _insist(self, action: str, **fields: Any) -> Frame:
        for attempt in range(5):
            try:
                return await self._request(action, **fields)
            except asyncio.TimeoutError:
                self.counts["unanswered"] += 1
            except Refused as refused:
                if refused.args[0]["code"] != "try_again":
                    raise
                self.counts["refused"] += 1
            await asyncio.sleep(self._chance.uniform(0, 0.1 * 2**attempt))
        raise Offline

    async def _request(self, action: str, **fields: Any) -> Frame:
        self._last_id += 1
        request_id = fields.setdefault("id", str(self._last_id))
        future: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = future
        assert self._socket
        asked_at = time.monotonic()
        try:
            await self._socket.send(json.dumps({"action": action, **fields}))
            reply = await asyncio.wait_for(future, self._patience)
        except asyncio.TimeoutError:
            if self._heard_at < asked_at:  # nothing else has come either
                raise Offline from None
            raise
        finally:
            self._waiting.pop(request_id, None)
        if reply["type"] == "error":
            raise Refused(reply)
        return reply

    async def _read(self, socket: ClientConnection) -> None:
        async for text in socket:
            frame = json.loads(text)
            self._heard_at = time.monotonic()
            future = self._waiting.get(str(frame.get("id")))
            if future and not future.done():
                future.set_result(frame)
            elif frame.get("type") == "message":
                cursor = self.cursors[frame["channel"]]
                if cursor.held is None:
                    self._hand_out(cursor, [frame])
                else:
                    cursor.held.append(frame)


def _since(mark: str) -> Frame:
    return {"since": mark} if mark else {}

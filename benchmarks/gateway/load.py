"""The load on a gateway, and the figures measured. Each phase has a new server."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import aiohttp

from benchmarks.gateway.memory import session_memory_mib

SECONDS = 60
MAX_CONNECTING = 50


@dataclass(frozen=True)
class Server:
    """A gateway to measure.

    Args:
        name: its name in the table.
        url: the address for its clients.
        command: the command that starts it.
        folder: the working directory of the command.
        store: the folder with the connection ids, which is emptied before each start.
        environment: the variables that the command gets.
    """

    name: str
    url: str
    command: list[str]
    folder: Path
    store: Path
    environment: dict[str, str] = field(default_factory=dict)


@asynccontextmanager
async def started(server: Server, figures: dict[str, float]) -> AsyncIterator["Load"]:
    """Run a gateway during the block, and measure the time until it accepts a client."""
    server.store.mkdir(parents=True, exist_ok=True)
    for path in server.store.iterdir():
        path.unlink()
    with (server.store.parent / "server.log").open("w") as log:
        begin = time.perf_counter()
        process = subprocess.Popen(
            server.command,
            cwd=server.folder,
            env={**os.environ, "STORE": str(server.store), **server.environment},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    connector = aiohttp.TCPConnector(limit=0)
    try:
        async with aiohttp.ClientSession(connector=connector) as session:
            while True:
                try:
                    socket = await session.ws_connect(server.url)
                    break
                except aiohttp.ClientError:
                    assert process.poll() is None, f"{server.name} ended by itself"
                    assert time.perf_counter() - begin < SECONDS, f"{server.name} does not start"
                    await asyncio.sleep(0.01)
            figures["start to first socket, s"] = time.perf_counter() - begin
            await socket.close()
            # After this its $disconnect has removed it from the store.
            await asyncio.sleep(1)
            yield Load(session, server, process.pid)
    finally:
        # Before the clients close, which would cause many $disconnect events.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Client:
    """A connection that measures when a message arrives."""

    def __init__(self, socket: "aiohttp.ClientWebSocketResponse[bool]") -> None:
        self.socket = socket
        self._token = ""
        self._arrival: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._reader = asyncio.create_task(self._read())

    def expect(self, token: str) -> "asyncio.Future[float]":
        """Return a future of the time at which a message with a token arrives."""
        self._token, self._arrival = token, asyncio.get_running_loop().create_future()
        return self._arrival

    async def echo(self, token: str) -> float:
        """Send a message, and return the seconds until its echo arrives."""
        heard, begin = self.expect(token), time.perf_counter()
        await self.socket.send_json({"action": "echo", "data": token + "x" * 32})
        return await asyncio.wait_for(heard, SECONDS) - begin

    async def _read(self) -> None:
        async for message in self.socket:
            if self._token and self._token in str(message.data) and not self._arrival.done():
                self._arrival.set_result(time.perf_counter())


class Load:
    """The clients of a running gateway."""

    def __init__(self, session: aiohttp.ClientSession, server: Server, pid: int) -> None:
        self._session = session
        self._url = server.url
        self._store = server.store
        self._pid = pid
        self.clients: list[Client] = []

    async def connect(self, count: int, at_once: int = MAX_CONNECTING) -> float:
        """Open connections; return the seconds that it took."""
        left = iter(range(count))

        async def open_some() -> None:
            for _ in left:
                self.clients.append(Client(await self._session.ws_connect(self._url)))

        begin = time.perf_counter()
        await asyncio.gather(*(open_some() for _ in range(at_once)))
        return time.perf_counter() - begin

    def ids(self) -> list[str]:
        """Return the connection ids in the store, encoded for a path."""
        return [quote(unquote(path.name), safe="") for path in self._store.iterdir()]

    async def post(self, ids: Iterator[str], data: bytes) -> None:
        """Send to connections one after the other, over one HTTP connection."""
        address = urlsplit(self._url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        for connection_id in ids:
            head = f"POST {address.path}/@connections/{connection_id} HTTP/1.1\r\n"
            head += f"Host: {address.netloc}\r\nContent-Length: {len(data)}\r\n\r\n"
            writer.write(head.encode() + data)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.split()[1].startswith(b"2"), answer
        writer.close()

    def memory(self) -> float:
        """Return the MiB of all processes of the gateway."""
        return session_memory_mib(self._pid)


Figures = dict[str, float]


async def echo_one(load: Load, figures: Figures) -> None:
    """Measure the time of an echo, for one client."""
    await load.connect(1)
    (client,) = load.clients
    for number in range(20):
        await client.echo(f"warm-{number};")
    times = [await client.echo(f"{number};") * 1000 for number in range(300)]
    figures["echo p50, ms, 1 client"] = median(times)
    figures["echo p95, ms, 1 client"] = quantiles(times, n=20)[-1]


async def echo_many(load: Load, figures: Figures) -> None:
    """Measure the rate of echoes, for fifty clients that send after each reply."""
    await load.connect(50)
    for _ in range(2):
        await asyncio.gather(*(client.echo(f"warm-{n};") for n, client in enumerate(load.clients)))
    begin, echoes = time.perf_counter(), 0

    async def talk(client: Client) -> None:
        nonlocal echoes
        while time.perf_counter() - begin < 5:
            await client.echo(f"{echoes}-{id(client)};")
            echoes += 1

    await asyncio.gather(*(talk(client) for client in load.clients))
    figures["echo/s, 50 clients"] = echoes / (time.perf_counter() - begin)


async def connect_200(load: Load, figures: Figures) -> None:
    """Measure the rate of handshakes, for 200 clients."""
    figures["connects/s, 200"] = 200 / await load.connect(200)


async def connect_1000(load: Load, figures: Figures) -> None:
    """Measure the rate of handshakes, for 1,000 clients."""
    figures["connects/s, 1,000"] = 1000 / await load.connect(1000)


async def idle(load: Load, figures: Figures) -> None:
    """Measure the memory with 1,000 idle clients."""
    await load.connect(1000)
    await asyncio.sleep(2)
    figures["idle with 1,000, MiB"] = load.memory()


async def broadcast(load: Load, figures: Figures) -> None:
    """Measure the time until the last client has received a broadcast."""
    await load.connect(1)
    for count in (10, 100, 500, 1000):
        await load.connect(count + 1 - len(load.clients))
        await asyncio.sleep(1)
        runs = []
        for number in range(4):
            token = f"{count}/{number};"
            heard = [client.expect(token) for client in load.clients]
            begin = time.perf_counter()
            await load.clients[0].socket.send_json({"action": "broadcast", "data": token})
            await asyncio.wait_for(asyncio.gather(*heard), SECONDS)
            runs.append((max(each.result() for each in heard) - begin) * 1000)
            await asyncio.sleep(0.3)
        figures[f"broadcast to {count:,}, ms to the last"] = median(runs[1:])


async def deliver(load: Load, figures: Figures) -> None:
    """Measure the rate of posts to @connections, without the cost of a client library.

    Sixteen HTTP connections post to 1,000 clients, one post at a time on each.
    """
    await load.connect(1000)
    if not load.ids():
        # The generated app keeps its ids in its table.
        return
    rates = []
    for number in range(4):
        token = f"post-{number};"
        heard = [client.expect(token) for client in load.clients]
        left = iter(load.ids())
        begin = time.perf_counter()
        await asyncio.gather(*(load.post(left, token.encode()) for _ in range(16)))
        await asyncio.wait_for(asyncio.gather(*heard), SECONDS)
        rates.append(1000 / (max(each.result() for each in heard) - begin))
    figures["deliveries/s, bare poster, 1,000"] = median(rates[1:])


Phase = Callable[[Load, Figures], Awaitable[None]]
PHASES: list[Phase] = [echo_one, echo_many, connect_200, connect_1000, idle, deliver, broadcast]


async def measure(server: Server) -> dict[str, float | str]:
    """Run all phases for one gateway. A phase that fails appears with its error."""
    figures: dict[str, Any] = {}
    starts = []
    for phase in PHASES:
        try:
            async with started(server, figures) as load:
                starts.append(figures["start to first socket, s"])
                await phase(load, figures)
        except (AssertionError, OSError, aiohttp.ClientError, asyncio.TimeoutError) as error:
            figures[f"failed: {phase.__name__}"] = f"{type(error).__name__}: {str(error)[:80]}"
    figures["start to first socket, s"] = median(starts)
    return figures

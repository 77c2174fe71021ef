"""The load: what is done to a gateway, and what is measured. A fresh server for each phase."""

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

SECONDS = 60
CONNECTING_AT_ONCE = 50


@dataclass(frozen=True)
class Contender:
    """A gateway that can be started.

    Args:
        name: as in the table.
        url: where its clients connect.
        command: starts it, in `folder` with `environment`.
        store: a folder that is emptied before each start.
    """

    name: str
    url: str
    command: list[str]
    folder: Path
    store: Path
    environment: dict[str, str] = field(default_factory=dict)


@asynccontextmanager
async def started(contender: Contender, figures: dict[str, float]) -> AsyncIterator["Load"]:
    """Run a contender for the block, and measure how long it took to accept a socket."""
    contender.store.mkdir(parents=True, exist_ok=True)
    for path in contender.store.iterdir():
        path.unlink()
    with (contender.store.parent / "server.log").open("w") as log:
        begin = time.perf_counter()
        process = subprocess.Popen(
            contender.command,
            cwd=contender.folder,
            env={**os.environ, "STORE": str(contender.store), **contender.environment},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    connector = aiohttp.TCPConnector(limit=0)
    try:
        async with aiohttp.ClientSession(connector=connector) as session:
            while True:
                try:
                    socket = await session.ws_connect(contender.url)
                    break
                except aiohttp.ClientError:
                    assert process.poll() is None, f"{contender.name} ended by itself"
                    assert time.perf_counter() - begin < SECONDS, f"{contender.name} does not start"
                    await asyncio.sleep(0.01)
            figures["start to first socket, s"] = time.perf_counter() - begin
            await socket.close()
            await asyncio.sleep(1)  # its $disconnect has removed it from the store
            yield Load(session, contender, process.pid)
    finally:
        # The whole session that we started, before the sockets close: it shall not be stormed.
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


class Client:
    """One connection; `hears` resolves when a message with its token comes."""

    def __init__(self, socket: "aiohttp.ClientWebSocketResponse[bool]") -> None:
        self.socket = socket
        self._token = ""
        self._heard: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._reader = asyncio.create_task(self._read())

    def hears(self, token: str) -> "asyncio.Future[float]":
        self._token, self._heard = token, asyncio.get_running_loop().create_future()
        return self._heard

    async def echo(self, token: str) -> float:
        heard, begin = self.hears(token), time.perf_counter()
        await self.socket.send_json({"action": "echo", "data": token + "x" * 32})
        return await asyncio.wait_for(heard, SECONDS) - begin

    async def _read(self) -> None:
        async for message in self.socket:
            if self._token and self._token in str(message.data) and not self._heard.done():
                self._heard.set_result(time.perf_counter())


class Load:
    """Clients of one running server."""

    def __init__(self, session: aiohttp.ClientSession, contender: Contender, pid: int) -> None:
        self._session = session
        self._url = contender.url
        self._store = contender.store
        self._pid = pid
        self.clients: list[Client] = []

    async def connect(self, count: int, at_once: int = CONNECTING_AT_ONCE) -> float:
        """Open so many connections; return how long it took, in s."""
        left = iter(range(count))

        async def some() -> None:
            for _ in left:
                self.clients.append(Client(await self._session.ws_connect(self._url)))

        begin = time.perf_counter()
        await asyncio.gather(*(some() for _ in range(at_once)))
        return time.perf_counter() - begin

    def ids(self) -> list[str]:
        """What is in the store: the connection ids, as they stand in a path."""
        return [quote(unquote(path.name), safe="") for path in self._store.iterdir()]

    async def post(self, ids: Iterator[str], data: bytes) -> None:
        """Send to connections over one kept HTTP connection, one after the other."""
        address = urlsplit(self._url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        for connection_id in ids:
            head = f"POST {address.path}/@connections/{connection_id} HTTP/1.1\r\nHost: any\r\n"
            writer.write(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.split()[1].startswith(b"2"), answer
        writer.close()

    def memory(self) -> float:
        """MiB of all processes of the server, each shared page divided among its users (PSS)."""
        processes = [path for path in Path("/proc").iterdir() if path.name.isdigit()]
        return sum(_pss(path) for path in processes if _session_of(path) == self._pid) / 1024


def _session_of(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[3])
    except (OSError, IndexError):
        return 0


def _pss(process: Path) -> int:
    try:
        rollup = (process / "smaps_rollup").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in rollup.splitlines() if "Pss:" in line), 0)


Figures = dict[str, float]


async def echo_one(load: Load, figures: Figures) -> None:
    """One client, one message after the other."""
    await load.connect(1)
    (client,) = load.clients
    for number in range(20):
        await client.echo(f"warm-{number};")
    times = [await client.echo(f"{number};") * 1000 for number in range(300)]
    figures["echo p50, ms, 1 client"] = median(times)
    figures["echo p95, ms, 1 client"] = quantiles(times, n=20)[-1]


async def echo_many(load: Load, figures: Figures) -> None:
    """Fifty clients, each as fast as it is answered."""
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
    """A class comes in."""
    figures["connects/s, 200"] = 200 / await load.connect(200)


async def connect_1000(load: Load, figures: Figures) -> None:
    """A thousand come in."""
    figures["connects/s, 1,000"] = 1000 / await load.connect(1000)


async def idle(load: Load, figures: Figures) -> None:
    """A thousand sit there."""
    await load.connect(1000)
    await asyncio.sleep(2)
    figures["idle with 1,000, MiB"] = load.memory()


async def broadcast(load: Load, figures: Figures) -> None:
    """One speaks, and the last of the others has heard it."""
    await load.connect(1)
    for count in (10, 100, 500, 1000):
        await load.connect(count + 1 - len(load.clients))
        await asyncio.sleep(1)
        runs = []
        for number in range(4):
            token = f"{count}/{number};"
            heard = [client.hears(token) for client in load.clients]
            begin = time.perf_counter()
            await load.clients[0].socket.send_json({"action": "broadcast", "data": token})
            await asyncio.wait_for(asyncio.gather(*heard), SECONDS)
            runs.append((max(each.result() for each in heard) - begin) * 1000)
            await asyncio.sleep(0.3)
        figures[f"broadcast to {count:,}, ms to the last"] = median(runs[1:])


async def deliver(load: Load, figures: Figures) -> None:
    """The gateway's own share of a broadcast: what a poster without a library's cost gets through.

    Sixteen kept connections, one post at a time on each, to a thousand clients.
    """
    await load.connect(1000)
    if not load.ids():
        return  # the generated app keeps its ids in its table
    rates = []
    for number in range(4):
        token = f"post-{number};"
        heard = [client.hears(token) for client in load.clients]
        left = iter(load.ids())
        begin = time.perf_counter()
        await asyncio.gather(*(load.post(left, token.encode()) for _ in range(16)))
        await asyncio.wait_for(asyncio.gather(*heard), SECONDS)
        rates.append(1000 / (max(each.result() for each in heard) - begin))
    figures["deliveries/s, bare poster, 1,000"] = median(rates[1:])


Phase = Callable[[Load, Figures], Awaitable[None]]
PHASES: list[Phase] = [echo_one, echo_many, connect_200, connect_1000, idle, deliver, broadcast]


async def measure(contender: Contender) -> dict[str, float | str]:
    """All phases of one contender, once. A phase that fails is named with what went wrong."""
    figures: dict[str, Any] = {}
    starts = []
    for phase in PHASES:
        try:
            async with started(contender, figures) as load:
                starts.append(figures["start to first socket, s"])
                await phase(load, figures)
        except (AssertionError, OSError, aiohttp.ClientError, asyncio.TimeoutError) as error:
            figures[f"failed: {phase.__name__}"] = f"{type(error).__name__}: {str(error)[:80]}"
    figures["start to first socket, s"] = median(starts)
    return figures

"""The gateway under many connections, and its memory and files afterwards."""

import asyncio
import json
import os
import resource
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.local.gateway import SECONDS, Gateway, poll, running, serving

MB = 1024 * 1024

# More handshakes at once would only wait for a worker.
MAX_CONCURRENCY = 20

# On a busy machine, so many workers may start after the first measurement. A leak in each
# message or connection would add more.
LATE_WORKERS = 6

# A worker that has just started takes more memory as it loads the app. A leak of 1 KB in each
# message of a long run would add more.
MAX_GROWTH_BYTES = 64 * MB

pytestmark = pytest.mark.full

T = TypeVar("T")


class Use(NamedTuple):
    """The resources that a gateway uses.

    Args:
        processes: their number.
        files: the open files of the gateway's own process.
        memory: bytes of all processes; shared memory counts once.
    """

    processes: int
    files: int
    memory: int


@pytest.fixture(scope="module", autouse=True)
def many_files() -> Iterator[None]:
    """Raise the limit of open files, since each connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def bare(app: Path, tmp_path: Path) -> Iterator[Gateway]:
    with running(app, "bare", tmp_path, "--workers=2") as gateway:
        yield gateway


def use(gateway: Gateway) -> Use:
    """Return the resources that a gateway uses now."""
    members = gateway.processes()
    files = len(os.listdir(f"/proc/{gateway.pid}/fd"))
    return Use(len(members), files, sum(map(_memory, members)))


def _memory(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    (size,) = [line.split()[1] for line in lines if line.startswith("Pss:")]
    return int(size) * 1024


@asynccontextmanager
async def guest(url: str) -> AsyncIterator[ClientConnection]:
    # Without keepalive pings, which close connections on a busy machine.
    async with connect(url, proxy=None, open_timeout=SECONDS, ping_interval=None) as socket:
        yield socket


async def ask(socket: ClientConnection, text: str) -> str:
    await socket.send(text)
    return str(await asyncio.wait_for(socket.recv(), SECONDS))


async def gather_limited(*work: Coroutine[Any, Any, T]) -> list[T]:
    """Run all, a limited number at once."""
    slots = asyncio.Semaphore(MAX_CONCURRENCY)

    async def one(each: Coroutine[Any, Any, T]) -> T:
        async with slots:
            return await each

    return await asyncio.gather(*map(one, work))


def ended(gateway: Gateway) -> int:
    """Return the number of $disconnect handlers that have ended."""
    return gateway.printed().count("$disconnect")


# Many connections at once


def test_generated_app_loses_no_message(app: Path, tmp_path: Path) -> None:
    connections, chatting, messages = 100, 10, 40

    async def chat(socket: ClientConnection, name: int) -> list[str]:
        heard: list[str] = []

        async def request(action: str, **fields: object) -> dict[str, Any]:
            number = len(heard) * 1000
            await socket.send(json.dumps({"action": action, "id": number, **fields}))
            while (frame := await receive()).get("id") != number:
                heard.append(frame["data"])
            return frame

        async def receive() -> dict[str, Any]:
            return dict(json.loads(await asyncio.wait_for(socket.recv(), SECONDS)))

        for number in range(messages):
            sent = await request("broadcast", channel="soak", data=f"{name}/{number}")
            assert sent["type"] == "sent"
        while len(heard) < chatting * messages:
            heard.append((await receive())["data"])
        return sorted(heard)

    async def run(gateway: Gateway) -> list[list[str]]:
        async with AsyncExitStack() as stack:
            entered = [stack.enter_async_context(guest(gateway.url)) for _ in range(connections)]
            sockets = await gather_limited(*entered)
            for socket in sockets[:chatting]:
                joined = json.loads(await ask(socket, '{"action":"join","channel":"soak"}'))
                assert joined["type"] == "joined"
            for earlier, socket in enumerate(sockets[:chatting]):
                # One presence frame for each later member.
                for _ in range(chatting - 1 - earlier):
                    assert json.loads(await socket.recv())["type"] == "presence"
            heard = await asyncio.gather(
                *(chat(socket, name) for name, socket in enumerate(sockets[:chatting]))
            )
            # The silent connections are open too.
            for socket in sockets:
                assert json.loads(await ask(socket, '{"action":"echo","data":1}'))["data"] == 1
            return heard

    with serving(app, app, tmp_path) as gateway:
        heard = asyncio.run(run(gateway))
    everything = sorted(f"{name}/{n}" for name in range(chatting) for n in range(messages))
    assert heard == [everything] * chatting


def test_many_connections_stay_open(bare: Gateway) -> None:
    connections, chatting, seconds = 1000, 100, 60

    async def chat(socket: ClientConnection, name: int, over: asyncio.Event) -> None:
        said = 0
        while not over.is_set() or said < 10:
            text = f"{name} says {said}"
            assert await ask(socket, text) == text
            said += 1
            await asyncio.sleep(0.1)

    async def run() -> tuple[Use, Use]:
        async with AsyncExitStack() as stack:
            entered = [stack.enter_async_context(guest(bare.url)) for _ in range(connections)]
            sockets = await gather_limited(*entered)
            over = asyncio.Event()
            chats = [
                asyncio.create_task(chat(socket, name, over))
                for name, socket in enumerate(sockets[:chatting])
            ]
            # Meanwhile the gateway starts most of the workers that it keeps.
            await asyncio.sleep(seconds / 3)
            before = use(bare)
            await asyncio.sleep(seconds * 2 / 3)
            over.set()
            await asyncio.gather(*chats)
            after = use(bare)
            # The silent connections are open too.
            for name, socket in enumerate(sockets):
                assert await ask(socket, f"{name} is here") == f"{name} is here"
            return before, after

    before, after = asyncio.run(run())
    assert ended(bare) <= connections
    poll(lambda: ended(bare) == connections or None)
    assert after.processes <= before.processes + LATE_WORKERS
    assert after.files <= before.files + LATE_WORKERS
    # Python returns little memory to the system.
    assert after.memory - before.memory < MAX_GROWTH_BYTES


# Many connections one after the other


def test_ended_connections_leave_no_resources(bare: Gateway) -> None:
    count = 10_000

    async def visit() -> None:
        async with guest(bare.url):
            pass

    async def visits(number: int) -> None:
        await gather_limited(*(visit() for _ in range(number)))

    warm = 100
    asyncio.run(visits(warm))
    poll(lambda: ended(bare) == warm or None)
    before = use(bare)
    asyncio.run(visits(count))
    poll(lambda: ended(bare) == warm + count or None)
    max_files = before.files + LATE_WORKERS
    after = poll(lambda: now if (now := use(bare)).files <= max_files else None)
    assert after.processes <= before.processes + LATE_WORKERS
    assert after.memory - before.memory < MAX_GROWTH_BYTES


def test_ended_connections_leave_no_rows(app: Path, tmp_path: Path) -> None:
    count = 500

    async def lobby(socket: ClientConnection) -> int:
        """Return the number of members of the lobby, which every connection is in."""
        await socket.send(json.dumps({"action": "channels"}))
        # Presence frames may come before the reply.
        while True:
            frame = json.loads(await asyncio.wait_for(socket.recv(), SECONDS))
            if frame["type"] == "channels":
                (row,) = frame["channels"]
                return int(row["members"])

    async def run(url: str) -> None:
        async with guest(url) as first:
            assert await lobby(first) == 1
            async with AsyncExitStack() as stack:
                entered = [stack.enter_async_context(guest(url)) for _ in range(count)]
                sockets = await gather_limited(*entered)
                assert await lobby(first) == len(sockets) + 1
            while await lobby(first) > 1:
                await asyncio.sleep(0.1)

    with serving(app, app, tmp_path) as gateway:
        asyncio.run(asyncio.wait_for(run(gateway.url), SECONDS + count))
        poll(lambda: ended(gateway) == count + 1 or None)
        assert "= 502 " not in gateway.printed()

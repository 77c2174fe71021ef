"""The local gateway keeps all of its connections, and nothing of those that have ended.

Each test has a short form, and a long one that `make slow` runs.
"""

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

# Handshakes at a time. More would wait in line for their handlers, and for this machine.
AT_ONCE = 20

T = TypeVar("T")


class Use(NamedTuple):
    """What a gateway and all that it started hold."""

    processes: int
    files: int  # open ones, of the gateway alone
    memory: int  # bytes, what is shared counted once


@pytest.fixture(scope="module", autouse=True)
def many_files() -> Iterator[None]:
    """Let this process, and those that it starts, have a file open for each connection."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def bare(app: Path, tmp_path: Path) -> Iterator[Gateway]:
    with running(app, "bare", tmp_path, "--workers=2") as gateway:
        yield gateway


def use(gateway: Gateway) -> Use:
    """Look into /proc."""
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
    # Without its keep-alive pings: they would close a connection of a machine that is busy.
    async with connect(url, proxy=None, open_timeout=60, ping_interval=None) as socket:
        yield socket


async def ask(socket: ClientConnection, text: str) -> str:
    await socket.send(text)
    return str(await asyncio.wait_for(socket.recv(), SECONDS))


async def in_turns(*work: Coroutine[Any, Any, T]) -> list[T]:
    """Run all, a few at a time."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(each: Coroutine[Any, Any, T]) -> T:
        async with room:
            return await each

    return await asyncio.gather(*map(one, work))


def ended(gateway: Gateway) -> int:
    """How many $disconnect handlers have ended."""
    return gateway.printed().count("$disconnect")


# Many at once


@pytest.mark.parametrize(
    ("connections", "chatting", "messages"),
    [(20, 5, 3), pytest.param(100, 10, 40, marks=pytest.mark.slow)],
)
def test_the_generated_app_loses_nothing(
    app: Path, tmp_path: Path, connections: int, chatting: int, messages: int
) -> None:
    """At the size that its DynamoDB, in one process of this machine, carries."""

    async def chat(socket: ClientConnection, name: int) -> list[str]:
        heard: list[str] = []

        async def request(action: str, **fields: object) -> dict[str, Any]:
            number = len(heard) * 1000
            await socket.send(json.dumps({"action": action, "id": number, **fields}))
            while (frame := await receive()).get("id") != number:
                heard.append(frame["data"])
            return frame

        async def receive() -> dict[str, Any]:
            return dict(json.loads(await asyncio.wait_for(socket.recv(), 60)))

        for number in range(messages):
            sent = await request("broadcast", channel="soak", data=f"{name}/{number}")
            assert sent["type"] == "sent"
        while len(heard) < chatting * messages:
            heard.append((await receive())["data"])
        return sorted(heard)

    async def run(gateway: Gateway) -> list[list[str]]:
        async with AsyncExitStack() as stack:
            entered = [stack.enter_async_context(guest(gateway.url)) for _ in range(connections)]
            sockets = await in_turns(*entered)
            for socket in sockets[:chatting]:
                joined = json.loads(await ask(socket, '{"action":"join","channel":"soak"}'))
                assert joined["type"] == "joined"
            for earlier, socket in enumerate(sockets[:chatting]):
                for _ in range(chatting - 1 - earlier):  # those who joined later
                    assert json.loads(await socket.recv())["type"] == "presence"
            heard = await asyncio.gather(
                *(chat(socket, name) for name, socket in enumerate(sockets[:chatting]))
            )
            for socket in sockets:  # those who were silent are there too
                assert json.loads(await ask(socket, '{"action":"echo","data":1}'))["data"] == 1
            return heard

    with serving(app, app, tmp_path) as gateway:
        heard = asyncio.run(run(gateway))
    everything = sorted(f"{name}/{n}" for name in range(chatting) for n in range(messages))
    assert heard == [everything] * chatting


@pytest.mark.parametrize(
    ("connections", "chatting", "seconds"),
    [(100, 10, 2), pytest.param(1000, 100, 60, marks=pytest.mark.slow)],
)
def test_all_connections_last(
    bare: Gateway, connections: int, chatting: int, seconds: float
) -> None:
    async def chat(socket: ClientConnection, name: int, over: asyncio.Event) -> int:
        said = 0
        while not over.is_set():
            text = f"{name} says {said}"
            assert await ask(socket, text) == text
            said += 1
            await asyncio.sleep(0.1)
        return said

    async def run() -> tuple[Use, Use, list[int]]:
        async with AsyncExitStack() as stack:
            entered = [stack.enter_async_context(guest(bare.url)) for _ in range(connections)]
            sockets = await in_turns(*entered)
            over = asyncio.Event()
            chats = [
                asyncio.create_task(chat(socket, name, over))
                for name, socket in enumerate(sockets[:chatting])
            ]
            # What comes to be once, such as processes for a second message, has come by then.
            await asyncio.sleep(seconds / 3)
            before = use(bare)
            await asyncio.sleep(seconds * 2 / 3)
            after = use(bare)
            over.set()
            said = await asyncio.gather(*chats)
            # Those who were silent are there too.
            for name, socket in enumerate(sockets):
                assert await ask(socket, f"{name} is here") == f"{name} is here"
            return before, after, said

    before, after, said = asyncio.run(run())
    assert min(said) > 1
    assert ended(bare) <= connections
    poll(lambda: ended(bare) == connections or None)
    assert after.processes <= before.processes
    assert after.files <= before.files
    # Python gives little back of what it has had, so this is not nothing.
    assert after.memory - before.memory < 16 * MB


# Many after each other


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.slow)])
def test_nothing_is_left_of_connections(bare: Gateway, count: int) -> None:
    async def visit() -> None:
        async with guest(bare.url):
            pass

    async def visits(number: int) -> None:
        await in_turns(*(visit() for _ in range(number)))

    warm = 100
    asyncio.run(visits(warm))
    poll(lambda: ended(bare) == warm or None)
    before = use(bare)
    asyncio.run(visits(count))
    poll(lambda: ended(bare) == warm + count or None)
    after = poll(lambda: now if (now := use(bare)).files <= before.files else None)
    assert after.processes <= before.processes
    assert after.memory - before.memory < 16 * MB


@pytest.mark.parametrize("count", [30, pytest.param(500, marks=pytest.mark.slow)])
def test_no_row_is_left_of_the_apps_connections(app: Path, tmp_path: Path, count: int) -> None:
    async def lobby(socket: ClientConnection) -> int:
        """How many are in the lobby, where everybody is, as the app has it in its table."""
        await socket.send(json.dumps({"action": "channels"}))
        while True:  # the comings and goings of others come between
            frame = json.loads(await asyncio.wait_for(socket.recv(), SECONDS))
            if frame["type"] == "channels":
                (row,) = frame["channels"]
                return int(row["members"])

    async def run(url: str) -> None:
        async with guest(url) as first:
            assert await lobby(first) == 1
            async with AsyncExitStack() as stack:
                entered = [stack.enter_async_context(guest(url)) for _ in range(count)]
                sockets = await in_turns(*entered)
                assert await lobby(first) == len(sockets) + 1
            while await lobby(first) > 1:
                await asyncio.sleep(0.1)

    with serving(app, app, tmp_path) as gateway:
        asyncio.run(asyncio.wait_for(run(gateway.url), SECONDS + count))
        poll(lambda: ended(gateway) == count + 1 or None)
        assert "= 502 " not in gateway.printed()

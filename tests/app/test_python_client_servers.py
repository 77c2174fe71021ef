"""The generated app's `clients` package, beside a server that is the test's."""

import asyncio
import importlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from tests.app.conftest import run
from tests.local.gateway import SECONDS


def test_request_that_is_too_fast_is_sent_again_at_the_time_that_the_server_names(
    clients: Any,
) -> None:
    refused = {"type": "error", "code": "too_fast", "message": "m", "retry_after_seconds": 0.05}
    asked: list[Any] = []

    async def handle(socket: ServerConnection) -> None:
        async for text in socket:
            request = json.loads(text)
            asked.append(request.get("data"))
            is_refused = request["action"] == "broadcast" and asked.count(request["data"]) < 7
            await socket.send(
                json.dumps({**(refused if is_refused else PAGE), "id": request["id"]})
            )

    async def story() -> None:
        async with serve(handle, "127.0.0.1", 0) as server:
            (socket,) = server.sockets
            async with clients.Client(f"ws://127.0.0.1:{socket.getsockname()[1]}/api") as client:
                await asyncio.gather(client.broadcast("lobby", 1), client.broadcast("lobby", 2))
        assert [each for each in asked if each] == [1] * 7 + [2] * 7

    run(story())


def test_client_whose_token_has_ended_comes_back_with_another(clients: Any) -> None:
    bye = {"type": "bye", "code": "expired", "message": "the token has ended"}

    async def handle(socket: ServerConnection) -> None:
        assert socket.request
        tokens.append(socket.request.headers["Sec-WebSocket-Protocol"].split(", ")[1])
        async for text in socket:
            if len(tokens) == 1:
                await socket.send(json.dumps(bye))
                return
            await socket.send(json.dumps({**PAGE, "id": json.loads(text)["id"]}))

    tokens: list[str] = []
    given = iter(["a.a.a", "b.b.b"])

    async def story() -> None:
        options = {
            "get_token": lambda: next(given),
            "timing": clients.Timing(first_pause_seconds=0.1),
        }
        subprotocol = Subprotocol("chalice-ws.v1")
        async with serve(handle, "127.0.0.1", 0, subprotocols=[subprotocol]) as server:
            (socket,) = server.sockets
            address = f"ws://127.0.0.1:{socket.getsockname()[1]}/api"
            async with clients.Client(address, **options) as client:
                await client.wait_online()
        assert tokens == ["a.a.a", "b.b.b"]

    run(story())


PAGE = {"type": "joined", "messages": [], "more": False, "complete": True}
MESSAGE = {"type": "message", "channel": "lobby", "message_id": "1", "from": None, "data": 1}


@asynccontextmanager
async def odd_server(frames: list[Any], page: dict[str, Any]) -> AsyncIterator[str]:
    """Serve a server that answers each request but `end` with a page, after frames of any kind."""

    async def handle(socket: ServerConnection) -> None:
        async for text in socket:
            request = json.loads(text)
            if request["action"] == "end":
                await socket.close(4001, "maintenance")
                return
            for frame in frames:
                await socket.send(frame if isinstance(frame, str | bytes) else json.dumps(frame))
            await socket.send(json.dumps({**page, "id": request["id"]}))

    async with serve(handle, "127.0.0.1", 0) as server:
        (socket,) = server.sockets
        yield f"ws://127.0.0.1:{socket.getsockname()[1]}/api"


def test_frames_of_any_kind_do_not_end_the_client(clients: Any) -> None:
    odd: list[Any] = ["", "x", b"\x00", 1, None, [], {}, {"id": {}}, {"id": "9"}, {"type": 1}]
    for name in ("channel", "message_id", "from"):
        values: list[Any] = [1, {}, [], None]
        odd += [{**MESSAGE, name: value} for value in values]

    async def story() -> None:
        async with odd_server(odd, PAGE) as address:
            client = clients.Client(address)
            stream = client.messages("lobby")
            async with client:
                await client.wait_online()
                reply = await client.request("help")
                assert reply["type"] == "joined"
                assert (await anext(stream))["data"] == 1

    run(story())


def test_close_and_gap_are_told_after_a_cut_and_no_push_passes_for_them(clients: Any) -> None:
    page = {**PAGE, "messages": [MESSAGE], "complete": False}
    forged = [{"type": "gap", "channel": "lobby"}, {"type": "close", "code": 1, "reason": ""}]

    async def story() -> None:
        async with odd_server(forged, page) as address:
            client = clients.Client(address, timing=clients.Timing(first_pause_seconds=0.01))
            gaps, closes = client.events("gap"), client.events("close")
            async with client:
                await client.wait_online()
                await client.beat()
                with pytest.raises(clients.Offline):
                    await client.request("end")
                assert await anext(closes) == {
                    "type": "close",
                    "code": 4001,
                    "reason": "maintenance",
                }
                assert await anext(gaps) == {"type": "gap", "channel": "lobby"}
                await client.wait_online()
            assert [frame async for frame in gaps] == []

    run(story())


@pytest.mark.parametrize("moment", ["reply", "end"])
def test_client_can_be_closed_in_the_moment_of_a_reply_or_of_the_connections_end(
    clients: Any, moment: str
) -> None:
    async def close_after(turns: int, client: Any) -> None:
        for _ in range(turns):
            await asyncio.sleep(0)
        await client.close()

    async def story() -> None:
        async with odd_server([{"type": "reply comes"}], PAGE) as address:
            for turns in range(8):
                client = clients.Client(address, timing=clients.Timing(first_pause_seconds=0.01))
                await client.__aenter__()
                await client.wait_online()
                stream = client.events("reply comes" if moment == "reply" else "close")
                asking = asyncio.ensure_future(
                    client.broadcast("lobby", 1) if moment == "reply" else client.request("end")
                )
                await anext(stream)
                closing = asyncio.create_task(close_after(turns, client))
                await asyncio.wait({closing}, timeout=SECONDS)
                assert closing.done(), f"{turns} turns later"
                await asyncio.wait({asking})
                asking.exception()

    run(story())


def test_mark_of_a_quiet_channel_moves_with_the_time(clients: Any) -> None:
    module = importlib.import_module("clients.cursor")
    for mark, later in (
        (f"{1000:012x}-{7:016x}", f"{61000:012x}-{0:016x}"),
        (module.START, module.START),
        ("odd", "odd"),
    ):
        cursor = module.Cursor(mark)
        cursor.confirm(cursor._newest_at - 1)
        assert cursor.mark == mark
        cursor.confirm(cursor._newest_at + 60)
        assert cursor.mark == later


@pytest.mark.parametrize(
    "page",
    [
        {},
        {"messages": None},
        {"messages": {}},
        {"messages": [1]},
        {"messages": [{}]},
        {"messages": [{**MESSAGE, "message_id": 1}]},
        {"messages": [], "more": True},
        {"messages": [MESSAGE], "more": True},
    ],
)
def test_page_that_is_not_valid_is_an_error_and_ends_neither_client_nor_server(
    clients: Any, page: dict[str, Any]
) -> None:
    async def story() -> None:
        async with odd_server([], page) as address:
            client = clients.Client(address, channels={"tea": "0"})
            errors = client.events("error", "tea")
            async with client:
                await client.wait_online()
                assert (await anext(errors))["code"] == "bad_frame"
                await client.request("help")

    run(story())

"""Chaos: each client has each message once, after connections and workers have ended at random."""

import asyncio
import importlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.local.boto3_client import boto3_client
from tests.local.gateway import Gateway, dynamodb, serving

LOBBY = "lobby"
CHANNELS = ["tea", "coffee", "cake", "juice", "water"]

CLIENTS = 30
ROUNDS = 120

# Clients that give a busy server up connect again, and keep it busy.
REPLY_SECONDS = 30

# Messages whose delivery has failed come with a heartbeat, which has a request for each channel.
HEARTBEAT_SECONDS = 30

# The numbers that were sent, by channel and sender.
Sent = dict[str, dict[str, list[int]]]

# A bound for a hang. A busy machine is far from it.
MAX_SECONDS = 600


def leave_stale_rows(database: str, chance: random.Random) -> None:
    """Write rows as a lost $disconnect event leaves them, and rows that have expired."""
    with boto3_client("dynamodb", database) as table:
        (name,) = table.list_tables()["TableNames"]
        for _ in range(5):
            stale = "".join(chance.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ", k=15)) + "="
            expires_at = {"N": str(int(time.time()) + chance.choice([-100, 3600]))}
            for channel in (LOBBY, chance.choice(CHANNELS)):
                row = {
                    "channel": {"S": f"{channel}#0"},
                    "connection_id": {"S": stale},
                    "expires_at": expires_at,
                }
                home = {
                    "name": {"S": "stale"},
                    "endpoint": {"S": "http://127.0.0.1:1"},
                    "connected_at": {"N": "0"},
                }
                table.put_item(TableName=name, Item=row | (home if channel == LOBBY else {}))


class Listener:
    """A client of the app's `clients` package, and all that it has handed out.

    Args:
        address: of the server.
        name: the client's name, which its messages have as data.
        joined: its channels beside the lobby.
    """

    def __init__(self, address: str, name: str, joined: list[str]) -> None:
        clients = importlib.import_module("clients")
        self.name, self.joined = name, joined
        self.channels = [LOBBY, *joined]
        self.counts: Counter[str] = Counter()
        self.messages: dict[str, list[Any]] = {channel: [] for channel in self.channels}
        timing = clients.Timing(
            open_seconds=REPLY_SECONDS,
            reply_seconds=REPLY_SECONDS,
            heartbeat_seconds=HEARTBEAT_SECONDS,
            first_pause_seconds=0.1,
            max_pause_seconds=2,
        )
        self.client = clients.Client(address, name=name, channels=joined, timing=timing)
        # What comes over the network, doubles included.
        receive, greet = self.client.on_frame, self.client.greet

        def on_frame(frame: dict[str, Any]) -> None:
            self.counts[frame.get("type", "error of API Gateway")] += 1
            receive(frame)

        async def on_greet(token: str | None) -> None:
            self.counts["connections"] += 1
            await greet(token)

        self.client.on_frame, self.client.greet = on_frame, on_greet

    async def run(self) -> None:
        """Be connected, and keep the messages that are handed out."""
        stream = self.client.messages()
        async with self.client:
            async for message in stream:
                self.messages[message["channel"]].append(message)

    @property
    def unsent_count(self) -> int:
        """The number of messages that the server has not acknowledged."""
        return int(self.client.unsent_count)

    def is_complete(self) -> bool:
        """Return whether it is connected and has all messages that it missed."""
        return bool(self.client.online.is_set())

    def missing(self, sent: Sent) -> list[Any]:
        """Return the messages that it does not have, each with the channel."""
        return [
            (channel, name, number)
            for channel, messages in self.messages.items()
            for name, numbers in sent.get(channel, {}).items()
            for number in numbers
            if [name, number] not in [each["data"] for each in messages]
        ]


async def until(
    condition: Callable[[], bool], description: str, state: Callable[[], object] = str
) -> None:
    """Wait until a condition is true. Raise AssertionError with a state after MAX_SECONDS."""
    end = time.monotonic() + MAX_SECONDS
    while not condition():
        problem = f"no end within {MAX_SECONDS} s: {description}"
        assert time.monotonic() < end, f"{problem}; {state()}"
        await asyncio.sleep(0.05)


async def break_things(
    gateway: Gateway, database: str, clients: list[Listener], rounds: int, chance: random.Random
) -> dict[str, int]:
    """End connections and workers, and write stale rows. Return the count of each."""
    counts = {"cuts": 0, "killed workers": 0, "stale rows": 0}
    for number in range(rounds):
        await asyncio.sleep(chance.uniform(0, 0.3))
        await until(
            lambda: sum(each.is_complete() for each in clients) > len(clients) * 0.8,
            "most clients are complete again",
        )
        chance.choice(clients).client.cut()
        counts["cuts"] += 1
        if number % 8 == 3:
            await until(lambda: bool(gateway.workers()), "a worker runs")
            os.kill(chance.choice(gateway.workers()), signal.SIGKILL)
            counts["killed workers"] += 1
        if number % 8 == 6:
            await asyncio.to_thread(leave_stale_rows, database, chance)
            counts["stale rows"] += 10
    return counts


async def broadcast(
    clients: list[Listener], chance: random.Random, results: list["asyncio.Future[Any]"]
) -> Sent:
    """Broadcast until cancelled, and add the future of each reply. Return what was sent."""
    sent: Sent = {}
    with suppress(asyncio.CancelledError):
        for number in count(1):
            await asyncio.sleep(chance.uniform(0, 0.2))
            # The machine may be busy: no more than ten messages wait for their replies.
            await until(
                lambda: sum(each.unsent_count for each in clients) < 10, "messages are sent"
            )
            one = chance.choice(clients)
            channel = chance.choice(one.channels if chance.random() < 0.2 else one.joined)
            results.append(one.client.broadcast(channel, [one.name, number]))
            sent.setdefault(channel, {}).setdefault(one.name, []).append(number)
    return sent


@asynccontextmanager
async def running(clients: list[Listener]) -> AsyncIterator[None]:
    """Run the clients during the block. Raise the error of a client that ends."""
    tasks = [asyncio.create_task(each.run()) for each in clients]
    try:
        yield
        for task in tasks:
            assert not task.done(), task.exception()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def story(
    gateway: Gateway, database: str, size: int, rounds: int, chance: random.Random
) -> None:
    clients = [
        Listener(gateway.url, f"client {number}", chance.sample(CHANNELS, 2))
        for number in range(size)
    ]
    async with running(clients):
        await until(lambda: all(each.is_complete() for each in clients), "all are connected")
        results: list[asyncio.Future[Any]] = []
        broadcasting = asyncio.create_task(broadcast(clients, chance, results))
        broken = await break_things(gateway, database, clients, rounds, chance)
        broadcasting.cancel()
        sent = await broadcasting
        totals = {channel: sum(map(len, by.values())) for channel, by in sent.items()}

        def complete() -> bool:
            return all(
                len(messages) >= totals.get(channel, 0)
                for each in clients
                for channel, messages in each.messages.items()
            )

        await until(lambda: not any(each.unsent_count for each in clients), "all messages are sent")
        assert [each.exception() for each in results if each.exception()] == []
        await until(
            complete,
            "all messages are received",
            lambda: {each.name: (each.is_complete(), each.missing(sent)) for each in clients},
        )
    for each in clients:
        for channel, messages in each.messages.items():
            received: dict[str, list[int]] = {}
            for message in sorted(messages, key=lambda message: message["message_id"]):
                sender, number = message["data"]
                received.setdefault(sender, []).append(number)
            assert received == sent.get(channel, {}), f"{each.name} in {channel}"
    counts: Counter[str] = sum((each.counts for each in clients), Counter())
    print({"clients": size, "sent": sum(totals.values()), **broken, **counts})
    assert counts["connections"] > size


@pytest.mark.full
def test_each_client_gets_each_message_once(
    app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(app)
    chance = random.Random(int(os.environ.get("CHAOS_SEED", "6")))
    with (
        dynamodb(app) as database,
        serving(
            app, app, tmp_path, f"--throttle={5 * CLIENTS}", f"--database={database}"
        ) as gateway,
    ):
        asyncio.run(story(gateway, database, CLIENTS, ROUNDS, chance))
        refused = gateway.printed().count("API Gateway said 429")
        print(refused, "fan-outs met 429;", gateway.printed().count("not delivered"), "given up")

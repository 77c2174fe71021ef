"""Chaos: each client has each message once, after connections and workers have ended at random."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path

import pytest

from tests.local.gateway import Gateway, boto3_client, dynamodb, serving
from tests.web.resume import LOBBY, Client

CHANNELS = ["tea", "coffee", "cake", "juice", "water"]

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


def is_complete(client: Client) -> bool:
    """Return whether a client is connected and has all messages that it missed."""
    return client.healthy.is_set()


async def until(condition: Callable[[], bool], description: str) -> None:
    """Wait until a condition is true. Raise AssertionError after MAX_SECONDS."""
    end = time.monotonic() + MAX_SECONDS
    while not condition():
        assert time.monotonic() < end, f"no end within {MAX_SECONDS} s: {description}"
        await asyncio.sleep(0.05)


async def break_things(
    gateway: Gateway, database: str, clients: list[Client], rounds: int, chance: random.Random
) -> dict[str, int]:
    """End connections and workers, and write stale rows. Return the count of each."""
    counts = {"cuts": 0, "killed workers": 0, "stale rows": 0}
    for number in range(rounds):
        await asyncio.sleep(chance.uniform(0, 0.3))
        await until(
            lambda: sum(map(is_complete, clients)) > len(clients) * 0.8,
            "most clients are complete again",
        )
        chance.choice(clients).cut()
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
    clients: list[Client], chance: random.Random
) -> dict[str, dict[str, list[int]]]:
    """Broadcast until cancelled. Return the numbers by channel and sender."""
    sent: dict[str, dict[str, list[int]]] = {}
    with suppress(asyncio.CancelledError):
        for number in count(1):
            await asyncio.sleep(chance.uniform(0, 0.2))
            # The machine may be busy: no more than ten messages wait for their replies.
            await until(lambda: sum(len(each.outbox) for each in clients) < 10, "messages are sent")
            one = chance.choice(clients)
            channel = chance.choice(list(one.cursors) if chance.random() < 0.2 else one.joined)
            one.broadcast(channel, [one.name, number])
            sent.setdefault(channel, {}).setdefault(one.name, []).append(number)
    return sent


@asynccontextmanager
async def running(clients: list[Client]) -> AsyncIterator[None]:
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
        Client(
            gateway.url,
            f"client {number}",
            chance.sample(CHANNELS, 2),
            # Seconds: the machine answers later where there are more clients.
            size / 3,
            random.Random(chance.random()),
        )
        for number in range(size)
    ]
    async with running(clients):
        await until(lambda: all(map(is_complete, clients)), "all are connected")
        broadcasting = asyncio.create_task(broadcast(clients, chance))
        broken = await break_things(gateway, database, clients, rounds, chance)
        broadcasting.cancel()
        sent = await broadcasting
        totals = {channel: sum(map(len, by.values())) for channel, by in sent.items()}

        def complete() -> bool:
            return all(
                len(cursor.messages) >= totals.get(channel, 0)
                for each in clients
                for channel, cursor in each.cursors.items()
            )

        await until(lambda: not any(each.outbox for each in clients), "all messages are sent")
        await until(complete, "all messages are received")
    for each in clients:
        for channel, cursor in each.cursors.items():
            received: dict[str, list[int]] = {}
            for frame in cursor.sorted():
                sender, number = frame["data"]
                received.setdefault(sender, []).append(number)
            assert received == sent.get(channel, {}), f"{each.name} in {channel}"
    counts: Counter[str] = sum((each.counts for each in clients), Counter())
    print({"clients": size, "sent": sum(totals.values()), **broken, **counts})
    assert counts["connections"] > size
    assert counts["doubles"] > 0


@pytest.mark.full
@pytest.mark.parametrize(("size", "rounds"), [(12, 24), (30, 120)])
def test_each_client_gets_each_message_once(
    app: Path, tmp_path: Path, size: int, rounds: int
) -> None:
    chance = random.Random(int(os.environ.get("CHAOS_SEED", "6")))
    with (
        dynamodb(app) as database,
        serving(app, app, tmp_path, f"--throttle={5 * size}", f"--database={database}") as gateway,
    ):
        asyncio.run(story(gateway, database, size, rounds, chance))
        refused = gateway.printed().count("API Gateway said 429")
        print(refused, "fan-outs met 429;", gateway.printed().count("not delivered"), "given up")

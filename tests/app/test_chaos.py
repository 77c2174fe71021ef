"""Whatever breaks, each client has in the end what its channels were sent, each message once."""

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

# Seconds in which what was lost is to be found again, once nothing breaks any more.
RECOVERY = 60


def leave_stale_rows(database: str, chance: random.Random) -> None:
    """Rows of connections that are gone, as a lost $disconnect leaves them, and of expired ones."""
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


def is_well(client: Client) -> bool:
    """Whether it is connected and has all that it missed."""
    return client.healthy.is_set()


async def until(is_so: Callable[[], bool], what: str) -> None:
    """Wait until something is so; raises AssertionError if it never is."""
    end = time.monotonic() + RECOVERY
    while not is_so():
        assert time.monotonic() < end, f"waited in vain until {what}"
        await asyncio.sleep(0.05)


async def torment(
    gateway: Gateway, database: str, clients: list[Client], rounds: int, chance: random.Random
) -> dict[str, int]:
    """Break something, so many times; return how often what was broken."""
    counts = {"cuts": 0, "killed workers": 0, "stale rows": 0}
    for number in range(rounds):
        await asyncio.sleep(chance.uniform(0, 0.3))
        await until(lambda: sum(map(is_well, clients)) > len(clients) * 0.8, "most are well again")
        chance.choice(clients).cut()
        counts["cuts"] += 1
        if number % 8 == 3:
            await until(lambda: bool(gateway.workers()), "there is a worker")
            os.kill(chance.choice(gateway.workers()), signal.SIGKILL)
            counts["killed workers"] += 1
        if number % 8 == 6:
            await asyncio.to_thread(leave_stale_rows, database, chance)
            counts["stale rows"] += 10
    return counts


async def talk(clients: list[Client], chance: random.Random) -> dict[str, dict[str, list[int]]]:
    """Say something again and again, until cancelled; return who said what in which channel."""
    said: dict[str, dict[str, list[int]]] = {}
    with suppress(asyncio.CancelledError):
        for number in count(1):
            await asyncio.sleep(chance.uniform(0, 0.2))
            # As fast as this machine can take it, with what comes twice and is tried again.
            await until(lambda: sum(len(each.outbox) for each in clients) < 10, "some is sent")
            one = chance.choice(clients)
            channel = chance.choice(list(one.places) if chance.random() < 0.2 else one.joined)
            one.broadcast(channel, [one.name, number])
            said.setdefault(channel, {}).setdefault(one.name, []).append(number)
    return said


@asynccontextmanager
async def running(clients: list[Client]) -> AsyncIterator[None]:
    """Run the clients; whatever ends one of them ends the block."""
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
            size / 3,  # more of them have this machine answer later
            random.Random(chance.random()),
        )
        for number in range(size)
    ]
    async with running(clients):
        await until(lambda: all(map(is_well, clients)), "all are connected")
        talking = asyncio.create_task(talk(clients, chance))
        broken = await torment(gateway, database, clients, rounds, chance)
        talking.cancel()
        said = await talking
        totals = {channel: sum(map(len, by.values())) for channel, by in said.items()}

        def complete() -> bool:
            return all(
                len(place.messages) >= totals.get(channel, 0)
                for each in clients
                for channel, place in each.places.items()
            )

        await until(lambda: not any(each.outbox for each in clients), "all is sent")
        await until(complete, "all is heard")
    for each in clients:
        for channel, place in each.places.items():
            heard: dict[str, list[int]] = {}
            for frame in place.log():
                sender, number = frame["data"]
                heard.setdefault(sender, []).append(number)
            assert heard == said.get(channel, {}), f"{each.name} in {channel}"
    counts: Counter[str] = sum((each.counts for each in clients), Counter())
    print({"clients": size, "sent": sum(totals.values()), **broken, **counts})
    assert counts["connections"] > size
    assert counts["doubles"] > 0


# Some ten seconds, and a minute.
@pytest.mark.parametrize(
    ("size", "rounds"), [(12, 24), pytest.param(30, 120, marks=pytest.mark.full)]
)
def test_nobody_misses_anything(app: Path, tmp_path: Path, size: int, rounds: int) -> None:
    chance = random.Random(int(os.environ.get("CHAOS_SEED", "6")))
    with (
        dynamodb(app) as database,
        serving(app, app, tmp_path, f"--throttle={5 * size}", f"--database={database}") as gateway,
    ):
        asyncio.run(story(gateway, database, size, rounds, chance))
        refused = gateway.printed().count("API Gateway said 429")
        print(refused, "fan-outs met 429;", gateway.printed().count("not delivered"), "given up")

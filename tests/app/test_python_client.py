"""The generated app's `clients` package, beside the app on a local gateway."""

import asyncio
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.conftest import run
from tests.local.gateway import Gateway, dynamodb, serving


@pytest.fixture(scope="module")
def gateway(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose app lets people sign in."""
    folder = tmp_path_factory.mktemp("clients")
    project = shutil.copytree(app, folder / "app")
    path = project / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    config["stages"]["dev"]["environment_variables"]["AUTH"] = "jwt"
    path.write_text(json.dumps(config))
    with serving(project, project, folder) as running:
        yield running


class People:
    """Clients of people who are signed in.

    Args:
        clients: the package.
        gateway: the server.
    """

    def __init__(self, clients: Any, gateway: Gateway) -> None:
        self._clients = clients
        self._gateway = gateway

    def token(self, user: str) -> str:
        """Return a token of the gateway's issuer."""
        body = json.dumps({"user": user}).encode()
        return str(json.loads(self._gateway.http("POST", "/issuer/token", body).body)["token"])

    def client(self, user: str, **options: Any) -> Any:
        """Return a client that is in the channel tea, and does not wait long."""
        times = {"first_pause_seconds": 0.1, "max_pause_seconds": 0.5, **options.pop("times", {})}
        given = {"channels": ["tea"], "get_token": lambda: self.token(user), **options}
        return self._clients.Client(
            self._gateway.url, timing=self._clients.Timing(**times), **given
        )


@pytest.fixture
def people(clients: Any, gateway: Gateway) -> People:
    """Clients of the gateway."""
    return People(clients, gateway)


def test_request_gets_its_reply_and_an_error_is_raised(clients: Any, people: People) -> None:
    async def story() -> None:
        async with people.client("ann") as ann:
            await ann.wait_online()
            replies = await asyncio.gather(*(ann.request("echo", data=n) for n in range(20)))
            assert [each["data"] for each in replies] == list(range(20))
            with pytest.raises(clients.RequestError, match="bad_field: channel") as error:
                await ann.join("no spaces")
            assert error.value.code == "bad_field"
            assert ann.channels == ["lobby", "tea", "@ann"]
        with pytest.raises(clients.Closed):
            await ann.request("help")

    run(story())


def test_broadcasts_are_sent_in_order_over_cuts_and_handed_out_once(people: People) -> None:
    async def story() -> None:
        ann, bob = people.client("ann"), people.client("bob")
        stream = bob.messages("tea")
        async with ann, bob:
            # Written before the client is online.
            sent = [ann.broadcast("tea", n) for n in range(10)]
            for n in range(10, 40):
                sent.append(ann.broadcast("tea", n))
                if n % 7 == 0:
                    (ann if n % 2 else bob).cut()
                await asyncio.sleep(0.02)
            replies = await asyncio.gather(*sent)
            await bob.wait_online()
            received = [await anext(stream) for _ in range(40)]
            # The next message is not one of them.
            await ann.broadcast("tea", "end")
            assert (await anext(stream))["data"] == "end"
        received.sort(key=lambda message: message["message_id"])
        assert [each["data"] for each in received] == list(range(40))
        assert len({each["message_id"] for each in replies}) == 40

    run(story())


def test_client_with_the_marks_of_an_earlier_one_gets_what_it_missed(people: People) -> None:
    async def story() -> None:
        async with people.client("ann", channels=["cake"]) as ann:
            await ann.broadcast("cake", "before")
            async with people.client("bob", channels=["cake"]) as bob:
                await bob.wait_online()
            await ann.broadcast("cake", "while away")
            later = people.client("bob", channels={"cake": bob.marks["cake"]})
            stream = later.messages("cake")
            async with later:
                assert "while away" in [(await anext(stream))["data"] for _ in range(2)]

    run(story())


@pytest.mark.full
def test_connection_is_renewed_without_a_gap(people: People) -> None:
    async def story() -> None:
        bob = people.client("bob", channels=["cup"], times={"renew_seconds": 1})
        stream = bob.messages("cup")
        tokens: list[str | None] = []
        greet = bob.greet

        async def counted(token: str | None) -> None:
            tokens.append(token)
            await greet(token)

        bob.greet = counted
        async with people.client("ann", channels=["cup"]) as ann, bob:
            await bob.wait_online()
            numbers = iter(range(10_000))
            while len(tokens) < 4:
                number = next(numbers)
                await ann.broadcast("cup", number)
                assert bob.online.is_set()
                assert (await anext(stream))["data"] == number

    run(story())


def test_sign_out_is_final_and_ends_streams(clients: Any, gateway: Gateway, people: People) -> None:
    async def story() -> None:
        cat = people.client("cat")
        frames = cat.events()
        async with cat:
            await cat.wait_online()
            await asyncio.to_thread(gateway.invoke, "sign_out", {"user": "cat"})
            kinds = [frame["type"] async for frame in frames]
            assert kinds[-1] == "bye"
            with pytest.raises(clients.SignedOut, match="sign in"):
                await cat.request("help")
            with pytest.raises(clients.SignedOut):
                await cat.broadcast("tea", 1)

    run(story())


def test_read_mark_is_the_same_for_all_clients_of_a_person(clients: Any, people: People) -> None:
    async def story() -> None:
        async with people.client("eve") as eve, people.client("eve") as other:
            reads = other.events("read", "tea")
            await asyncio.gather(eve.wait_online(), other.wait_online())
            ids = [(await eve.broadcast("tea", n))["message_id"] for n in range(3)]
            await eve.mark_read("tea", ids[0])
            await eve.mark_read("tea", ids[2], only=True)
            marks = [await anext(reads) for _ in range(2)]
            assert [each["message_id"] for each in marks] == [ids[0], ids[2]]
            assert marks[1]["only"]
            # Later clients get it with their first join.
            third = people.client("eve")
            reads = third.events("read", "tea")
            async with third:
                assert (await anext(reads))["message_id"] == ids[0]
            with pytest.raises(clients.RequestError, match="bad_field: message_id"):
                await eve.mark_read("tea", "x")

    run(story())


@pytest.mark.parametrize("get_token", [None, lambda: "not.a.token"])
def test_refused_client_does_not_try_for_ever(clients: Any, people: People, get_token: Any) -> None:
    async def story() -> None:
        async with people.client("ann", get_token=get_token) as ann:
            with pytest.raises(clients.Refused, match="got 401"):
                await ann.wait_online()

    run(story())


def test_client_without_a_person_is_signed_out(clients: Any, people: People) -> None:
    async def story() -> None:
        async def nobody() -> None:
            return None

        async with people.client("ann", get_token=nobody) as ann:
            with pytest.raises(clients.SignedOut):
                await ann.wait_online()

    run(story())


@pytest.mark.full
def test_messages_of_a_time_without_a_server_are_sent_later(
    clients: Any, app: Path, tmp_path: Path
) -> None:
    async def story(database: str) -> None:
        folders = [tmp_path / "first", tmp_path / "second"]
        for folder in folders:
            folder.mkdir()
        option = f"--database={database}"
        with serving(app, app, folders[0], option) as first:
            port = first.port
            timing = clients.Timing(first_pause_seconds=0.1, max_pause_seconds=0.5)
            ann = clients.Client(first.url, channels=["tea"], timing=timing)
            stream = ann.messages("tea")
            await ann.__aenter__()
            await ann.wait_online()
            await ann.broadcast("tea", 0)
        sent = [ann.broadcast("tea", n) for n in range(1, 4)]
        with serving(app, app, folders[1], option, f"--port={port}"):
            await asyncio.gather(*sent)
            assert [(await anext(stream))["data"] for _ in range(4)] == [0, 1, 2, 3]
            await ann.close()

    with dynamodb(app) as database:
        run(story(database))


@pytest.mark.parametrize("address", ["", "http://127.0.0.1/api", "ws://", "127.0.0.1:8000"])
def test_address_that_is_not_valid_is_explained(clients: Any, address: str) -> None:
    with pytest.raises(ValueError, match=r"use wss://\.\.\."):
        clients.Client(address)


def test_message_that_cannot_be_sent_is_given_up_and_the_others_go_on(
    clients: Any, people: People
) -> None:
    deep: list[Any] = []
    for _ in range(5_000):
        deep = [deep]
    wrong: dict[str, list[Any]] = {
        "bad_field": [object(), float("nan"), {1: {2}}, deep],
        "too_large": ["x" * 40_000],
    }

    async def story() -> None:
        async with people.client("ann") as ann:
            sent = [ann.broadcast("tea", data) for each in wrong.values() for data in each]
            for data in ("right", "\ud83d", "я" * 15_000):
                assert (await ann.broadcast("tea", data))["type"] == "sent"
            codes = [result.exception().code for result in sent]
            assert codes == [code for code, values in wrong.items() for _ in values]
            with pytest.raises(clients.RequestError, match="too_large"):
                await ann.request("echo", data="é" * 20_000)

    run(story())


def test_channel_that_was_empty_has_no_gap(people: People) -> None:
    async def story() -> None:
        async with people.client("ann", channels=["new"]) as ann:
            events = ann.events("", "new")
            await ann.wait_online()
            await ann.broadcast("new", 1)
            await ann.beat()
            ann.cut()
            await ann.broadcast("new", 2)
            await ann.wait_online()
            await ann.broadcast("new", 3)
            kinds = [(await anext(events))["type"] for _ in range(3)]
            assert kinds == ["message"] * 3

    run(story())

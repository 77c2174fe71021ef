"""People, devices, tokens and sign-outs in any order: nobody receives what they may not."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from tests.conftest import ROOT
from tests.local.gateway import SECONDS, Gateway, serving

pytestmark = pytest.mark.full

# A person may join the lobby and these channels.
CLAIMED = {"ann": ["tea"], "bob": ["tea", "cake"], "cat": [], "dan": ["cake"]}
CHANNELS = ["tea", "cake"]

RULE = '''

KEPT_CLAIMS = ("channels",)


def may(user: User | None, action: str, channel: str) -> bool:
    """Return whether a claim of the token names the channel."""
    if channel.startswith("@"):
        return user is not None and channel == f"@{user.id}"
    return channel == "lobby" or (user is not None and channel in user.claims["channels"])
'''


def run_people(app: Path, *fault: str) -> subprocess.CompletedProcess[str]:
    """Run the random steps on the app, with a fault or without."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return subprocess.run(
        [sys.executable, "-B", str(ROOT / "tests" / "app" / "people.py"), *fault],
        cwd=app,
        # The app of other tests stays as it is.
        env={**clean, "PYTHONPATH": str(app), "HYPOTHESIS_STORAGE_DIRECTORY": os.environ["HOME"]},
        capture_output=True,
        text=True,
    )


def test_nobody_receives_what_they_may_not(app: Path) -> None:
    done = run_people(app)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("fault", ["older tokens", "devices", "join", "expiry"])
def test_model_finds_a_planted_fault(app: Path, fault: str) -> None:
    done = run_people(app, fault)
    assert done.returncode == 1
    assert "AssertionError" in done.stderr


class Session:
    """One device of a person while it is connected.

    `received` has the numbers of the messages by channel. `left` has, by channel, the last number
    that was taken when the device was told that it has left; `joined` when it asked to join.
    """

    def __init__(self, socket: ClientConnection, user: str) -> None:
        self.socket, self.user = socket, user
        self.received: list[tuple[str, int]] = []
        self.frames: list[dict[str, Any]] = []
        self.replies: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._ids = count(1)

    async def read(self) -> None:
        """Receive frames until the connection ends."""
        with suppress(ConnectionClosed):
            async for text in self.socket:
                frame = json.loads(text)
                if (reply := self.replies.pop(frame.get("id", 0), None)) is not None:
                    reply.set_result(frame)
                elif frame["type"] == "message":
                    self.received.append((frame["channel"], frame["data"]))
                else:
                    self.frames.append(frame)
        for reply in self.replies.values():
            reply.cancel()

    async def request(self, action: str, **fields: Any) -> dict[str, Any]:
        """Send a request and return its reply; an empty one if the connection ends before it."""
        request_id = next(self._ids)
        reply = self.replies[request_id] = asyncio.get_running_loop().create_future()
        try:
            await self.socket.send(json.dumps({"action": action, "id": request_id, **fields}))
            return await asyncio.wait_for(reply, SECONDS)
        except (ConnectionClosed, asyncio.CancelledError):
            if not self.socket.close_code and not reply.cancelled():
                raise
            return {}


class People:
    """People with two devices each, who do at once what they may and what they may not."""

    def __init__(self, gateway: Gateway, seed: int) -> None:
        self._gateway = gateway
        self._random = Random(seed)
        self._numbers = count(1)
        self.last_number = 0
        self.sent: dict[int, str] = {}
        # The last number that was taken when `sign_out` returned, for the sessions before it.
        self.signed_out: list[tuple[Session, int]] = []
        self.sessions: list[Session] = []
        self.refused_count = 0
        self._open: dict[str, set[Session]] = {user: set() for user in CLAIMED}

    def _number(self, channel: str) -> int:
        self.last_number = next(self._numbers)
        self.sent[self.last_number] = channel
        return self.last_number

    def _invoke(self, function: str, event: object) -> Any:
        return json.loads(self._gateway.invoke(function, event).body)

    def _token(self, user: str) -> str:
        body = {"user": user, "claims": {"channels": CLAIMED[user]}}
        answer = self._gateway.http("POST", "/issuer/token", json.dumps(body).encode())
        return str(json.loads(answer.body)["token"])

    @asynccontextmanager
    async def _connected(self, user: str) -> AsyncIterator[Session]:
        token = await asyncio.to_thread(self._token, user)
        options: dict[str, Any] = {"proxy": None, "open_timeout": SECONDS, "ping_interval": None}
        async with connect(
            self._gateway.url,
            subprotocols=[Subprotocol("chalice-ws.v1"), Subprotocol(token)],
            **options,
        ) as socket:
            session = Session(socket, user)
            self.sessions.append(session)
            self._open[user].add(session)
            reading = asyncio.create_task(session.read())
            try:
                yield session
            finally:
                self._open[user].discard(session)
                await socket.close()
                await reading

    async def use(self, user: str, rounds: int) -> None:
        """Connect a device again and again, and do random things with it."""
        for _ in range(rounds):
            # The token may be older than a sign-out of this moment.
            with suppress(InvalidStatus):
                async with self._connected(user) as session:
                    for _ in range(self._random.randint(3, 12)):
                        await self._act(session)

    async def _act(self, session: Session) -> None:
        others = [f"@{user}" for user in CLAIMED]
        channel = self._random.choice([*CHANNELS, *CHANNELS, "lobby", *others])
        own = {"lobby", f"@{session.user}", *CLAIMED[session.user]}
        action = self._random.choice(["join", "join", "broadcast", "broadcast", "history", "who"])
        fields = {"data": self._number(channel)} if action == "broadcast" else {}
        reply = await session.request(action, channel=channel, **fields)
        if reply and channel not in own:
            assert reply["type"] == "error", (session.user, action, channel, reply)
            self.refused_count += 1
        for message in reply.get("messages", []):
            assert message["channel"] in own

    async def notify(self, rounds: int) -> None:
        """Send messages to persons."""
        for _ in range(rounds):
            user = self._random.choice(list(CLAIMED))
            event = {"user": user, "data": self._number(f"@{user}")}
            await asyncio.to_thread(self._invoke, "notify", event)

    async def sign_out(self, rounds: int) -> None:
        """Sign people out, while they do other things."""
        for _ in range(rounds):
            await asyncio.sleep(self._random.uniform(0.1, 0.5))
            user = self._random.choice(list(CLAIMED))
            before = set(self._open[user])
            await asyncio.to_thread(self._invoke, "sign_out", {"user": user})
            self.signed_out += [(session, self.last_number) for session in before]


def test_nobody_receives_what_they_may_not_while_all_act_at_once(app: Path, tmp_path: Path) -> None:
    project = shutil.copytree(app, tmp_path / "app")
    with (project / "chalicelib" / "access.py").open("a") as access:
        access.write(RULE)
    config = project / ".chalice" / "config.json"
    content = json.loads(config.read_text())
    content["stages"]["dev"]["environment_variables"]["AUTH"] = "jwt"
    config.write_text(json.dumps(content))

    async def act(people: People) -> None:
        devices = [people.use(user, 5) for user in CLAIMED for _ in range(2)]
        await asyncio.gather(*devices, people.notify(40), people.sign_out(10))

    with serving(project, project, tmp_path) as gateway:
        people = People(gateway, seed=1)
        asyncio.run(act(people))
    received = [(each, *message) for each in people.sessions for message in each.received]
    assert received
    assert people.refused_count
    for session, channel, number in received:
        assert channel in {"lobby", f"@{session.user}", *CLAIMED[session.user]}
        assert people.sent[number] == channel
    for session, last_number in people.signed_out:
        late = [number for _, number in session.received if number > last_number]
        assert not late, (session.user, late)
    # Nobody has a message twice.
    for session in people.sessions:
        numbers = [number for _, number in session.received]
        assert len(numbers) == len(set(numbers))

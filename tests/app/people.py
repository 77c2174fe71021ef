"""Random people, devices, tokens and sign-outs, compared with a model.

Run by its path in a baked app's folder, with the name of a fault to plant, or none. The steps of an
example run one after another. After each, every client has got what the model says, and no more.
"""

import importlib
import json
import os
import sys
import time
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

PEOPLE = ["ann", "bob", "cat"]
CHANNELS = ["tea", "cake"]

PERSON = st.sampled_from(PEOPLE)
NUMBER = st.integers(0, 20)
CHANNEL = st.sampled_from(["lobby", *CHANNELS, *(f"@{each}" for each in PEOPLE)])

# A step is the name of a method of World and its arguments. A number stands for a token or for a
# device, modulo how many there are.
STEPS = st.one_of(
    st.tuples(st.just("issue"), PERSON, st.sets(st.sampled_from(CHANNELS)), st.booleans()),
    st.tuples(st.just("connect"), NUMBER),
    st.tuples(st.just("connect_guest")),
    *[
        st.tuples(st.just(name), NUMBER, CHANNEL)
        for name in ("join", "broadcast", "history", "who")
    ],
    st.tuples(st.just("leave"), NUMBER, st.sampled_from(CHANNELS)),
    *[st.tuples(st.just(name), NUMBER) for name in ("channels", "expire", "kick", "disconnect")],
    *[st.tuples(st.just(name), PERSON) for name in ("notify", "sign_out")],
)

# People connect first, so that few steps have nothing to act on.
BEGINNING: list[tuple[Any, ...]] = [
    ("issue", "ann", {"tea"}, False),
    ("issue", "bob", {"tea", "cake"}, False),
    *[("connect", number) for number in (0, 0, 1)],
    ("connect_guest",),
    *[("join", number, "tea") for number in range(4)],
]


def load(name: str) -> Any:
    """Import a module of the app."""
    return importlib.import_module(name)


@dataclass
class Token:
    """A token that was issued."""

    user: str
    channels: list[str]
    issued_at: float
    has_expired: bool
    is_revoked: bool = False


@dataclass(eq=False)
class Device:
    """A client, and what the model knows of its connection."""

    client: Any
    user: str | None
    claimed: list[str]
    channels: set[str]
    # The token has not ended, and the connection was not removed.
    is_valid: bool = True
    has_expired: bool = False
    # The channels before the step that runs, if the connection was valid then.
    before: set[str] = field(default_factory=set)

    def may(self, action: str, channel: str) -> bool:
        """Return whether the rules allow an action."""
        if channel.startswith("@"):
            return channel == f"@{self.user}" and action in ("join", "history")
        return channel == "lobby" or channel in self.claimed


class World:
    """The app and the model. Each method without an underscore is a step."""

    def __init__(self, api: Any) -> None:
        self._api = api
        self._tokens: list[Token] = []
        self._devices: list[Device] = []
        self._numbers = count(1)

    def _run(self, name: str, *arguments: Any) -> None:
        if arguments and isinstance(arguments[0], int) and name != "connect":
            if not self._devices:
                return
            arguments = (self._devices[arguments[0] % len(self._devices)], *arguments[1:])
        for device in self._devices:
            device.before = set(device.channels) if device.is_valid else set()
        getattr(self, name)(*arguments)
        for device in self._devices:
            self._receive(device)

    def issue(self, user: str, channels: set[str], has_expired: bool) -> None:
        self._tokens.append(Token(user, sorted(channels), round(time.time(), 6), has_expired))

    def connect(self, number: int) -> None:
        token = self._tokens[number % len(self._tokens)]
        claims = {"channels": token.channels, "iat": token.issued_at}
        claims["exp"] = int(time.time()) + (-60 if token.has_expired else 3600)
        is_refused = token.is_revoked or token.has_expired
        try:
            client = self._api.connect(user=token.user, claims=claims)
        except load("tests.client").Rejected:
            assert is_refused, token
        else:
            assert not is_refused, token
            own = {"lobby", f"@{token.user}"}
            self._devices.append(Device(client, token.user, token.channels, own))

    def connect_guest(self) -> None:
        self._devices.append(Device(self._api.connect(), None, [], {"lobby"}))

    def join(self, device: Device, channel: str) -> None:
        reply = self._request(device, "join", channel=channel)
        if reply is None:
            return
        self._check_reply(device, reply, device.may("join", channel))
        if reply["type"] == "joined":
            device.channels.add(channel)

    def leave(self, device: Device, channel: str) -> None:
        reply = self._request(device, "leave", channel=channel)
        if reply is None:
            return
        self._check_reply(device, reply, is_allowed=True)
        device.channels.discard(channel)

    def broadcast(self, device: Device, channel: str) -> None:
        data = next(self._numbers)
        reply = self._request(device, "broadcast", channel=channel, data=data)
        if reply is None:
            return
        is_member = channel in device.channels
        self._check_reply(device, reply, is_member and device.may("broadcast", channel))
        self._check_message(data, channel if reply["type"] == "sent" else None)

    def history(self, device: Device, channel: str) -> None:
        reply = self._request(device, "history", channel=channel)
        if reply is None:
            return
        is_member = channel in device.channels
        self._check_reply(device, reply, is_member and device.may("history", channel))
        assert {each["channel"] for each in reply.get("messages", [])} <= {channel}

    def who(self, device: Device, channel: str) -> None:
        reply = self._request(device, "who", channel=channel)
        if reply is None:
            return
        if device.user is not None or device.is_valid:
            self._check_reply(device, reply, device.may("who", channel))
        if reply["type"] == "members":
            # A guest's row is not read, so one that has no row gets an answer too.
            assert device.may("who", channel)
            listed = {each.get("user", each["connection_id"]) for each in reply["members"]}
            assert listed == {
                each.user or each.client.connection_id
                for each in self._devices
                if each.is_valid and channel in each.channels
            }

    def channels(self, device: Device) -> None:
        reply = self._request(device, "channels")
        if reply is None:
            return
        listed = [each["channel"] for each in reply.get("channels", [])]
        assert all(device.may("who", each) for each in listed), listed

    def notify(self, user: str) -> None:
        data = next(self._numbers)
        self._api.run("notify", {"user": user, "data": data})
        self._check_message(data, f"@{user}")

    def expire(self, device: Device) -> None:
        """End the token: the rows are as they are then."""
        table = load("chalicelib.storage.table")
        for channel in device.channels if device.is_valid else ():
            table.call(
                "update_item",
                Key=table.key(channel, device.client.connection_id),
                UpdateExpression="SET expires_at = :past",
                ExpressionAttributeValues={":past": {"N": str(int(time.time()) - 1)}},
            )
        device.is_valid = False
        device.has_expired = True

    def kick(self, device: Device) -> None:
        """Remove the connection, which stays open."""
        load("chalicelib.storage.connections").remove(device.client.connection_id)
        device.is_valid = device.has_expired = False

    def disconnect(self, device: Device) -> None:
        device.client.disconnect()
        self._devices.remove(device)

    def sign_out(self, user: str) -> None:
        signed_in = [each for each in self._devices if each.user == user and each.is_valid]
        assert self._api.run("sign_out", {"user": user}) == {"closed": len(signed_in)}
        for token in self._tokens:
            token.is_revoked |= token.user == user
        for device in signed_in:
            assert not device.client.is_open()
            kinds = [device.client.push()["type"] for _ in range(device.client.waiting())]
            assert "bye" in kinds
            assert "message" not in kinds
            self._devices.remove(device)

    def _request(self, device: Device, action: str, **fields: Any) -> Any:
        """Send a request; return its reply, or None where the server says bye instead."""
        if not device.has_expired:
            return device.client.request(action, **fields)
        device.client.send(json.dumps({"action": action, "id": 1, **fields}))
        frames = [device.client.push() for _ in range(device.client.waiting())]
        if device.user is None and action in ("who", "channels"):
            # A guest's row is not read for them.
            return frames[0]
        assert [(each["type"], each["code"]) for each in frames] == [("bye", "expired")], frames
        assert not device.client.is_open()
        self._devices.remove(device)
        return None

    def _check_reply(self, device: Device, reply: Any, is_allowed: bool) -> None:
        if not device.is_valid:
            assert reply.get("code") == "try_again", reply
        elif is_allowed:
            assert reply["type"] != "error", reply
        else:
            assert reply.get("code") in ("forbidden", "not_a_member"), reply

    def _check_message(self, data: int, channel: str | None) -> None:
        """Check that a message has reached the members of a channel, and nobody else."""
        for device in self._devices:
            is_recipient = device.is_valid and channel in device.channels
            messages = [each for each in self._receive(device) if each["type"] == "message"]
            assert [each["data"] for each in messages] == [data] * is_recipient, (device, messages)

    def _receive(self, device: Device) -> list[Any]:
        frames = [device.client.push() for _ in range(device.client.waiting())]
        allowed = device.before | (device.channels if device.is_valid else set())
        assert all(each["channel"] in allowed for each in frames), (device, frames)
        return frames


def may(user: Any, action: str, channel: str) -> bool:
    """The rule that docs/security.md has as an example: channels by a claim."""
    if channel.startswith("@"):
        is_own = user is not None and channel == f"@{user.id}"
        return is_own and action in ("join", "history", "read")
    return channel == "lobby" or (user is not None and channel in user.claims["channels"])


def plant(fault: str) -> None:
    """Plant a fault, which the model must find."""
    access = load("chalicelib.access")
    if fault == "older tokens":
        load("chalicelib.storage.users").refuse_older_tokens = lambda user_id: None
    elif fault == "devices":
        load("chalicelib.delivery.closing")._find = lambda connection_id: None
    elif fault == "join":
        access.may = lambda user, action, channel: action == "join" or may(user, action, channel)
    elif fault == "expiry":
        load("chalicelib.storage.connections").is_expired = lambda row: False


def main(fault: str = "") -> None:
    """Run the examples."""
    aws, conftest = load("tests.support.aws"), load("tests.conftest")
    access, resources = load("chalicelib.access"), load("chalice_ws.project.resources")
    config = load("chalice_ws.project.config").read_config(conftest.PROJECT, "dev")
    access.KEPT_CLAIMS, access.may = ("channels",), may

    def create_tables() -> None:
        tables = resources.read_resources(config).tables()
        load("chalice_ws.project.tables").create_tables(tables)

    with aws.serving_in_process():
        os.environ.update({**config.environment_variables, "WS_ACTIONS": conftest.ALL_ACTIONS})
        plant(fault)
        with conftest.Api(load("app").app) as api:

            @settings(
                max_examples=400 if fault else 40,
                # Shrinking takes minutes.
                phases=[Phase.generate],
                report_multiple_bugs=False,
                deadline=None,
                database=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            )
            @given(st.lists(STEPS, min_size=5, max_size=30))
            def check(steps: list[tuple[Any, ...]]) -> None:
                aws.reset(create_tables)
                api.inboxes.clear()
                world = World(api)
                for step in [*BEGINNING, *steps]:
                    world._run(*step)

            check()


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Delivery through the queue: the generated app behind the local gateway, and what is deployed."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.local.gateway import SECONDS, Gateway, poll, serving

CLIENTS = 300
LIMIT = 50

# The first worker that sends ends after ten recipients.
END_ONE_WORKER = """

from pathlib import Path
from chalicelib.delivery import members
send = members.send

def end_once(payload, recipients, deadline):
    all_recipients = list(recipients)
    if len(all_recipients) > 10 and not Path("ended").exists():
        Path("ended").touch()
        send(payload, all_recipients[:10], deadline)
        __import__("os")._exit(1)
    return send(payload, all_recipients, deadline)

members.send = end_once
"""


def edit(path: Path, **variables: str) -> None:
    """Set environment variables of stage dev in config.json."""
    content = json.loads(path.read_text())
    content["stages"]["dev"]["environment_variables"].update(variables)
    path.write_text(json.dumps(content))


@pytest.fixture
def scaled(app: Path, tmp_path: Path) -> Iterator[Gateway]:
    """The app with FANOUT_LIMIT set, behind the local gateway."""
    project = shutil.copytree(app, tmp_path / "app")
    edit(project / ".chalice/config.json", FANOUT_LIMIT=str(LIMIT), CHANNEL_SHARDS="2")
    resources = json.loads((project / "resources/scale.json").read_text())
    queue = resources["Resources"]["FanoutQueue"]["Properties"]
    # Seconds until the range of an ended worker is taken again. No other worker takes so long.
    queue["VisibilityTimeout"] = 10
    (project / "resources/scale.json").write_text(json.dumps(resources))
    with (project / "app.py").open("a") as source:
        source.write(END_ONE_WORKER)
    with serving(app, project, tmp_path) as gateway:
        yield gateway


@pytest.mark.full
def test_all_members_get_the_message_after_a_worker_ends(scaled: Gateway) -> None:
    outcome: dict[str, Any] = {}

    async def pushes(socket: ClientConnection) -> list[dict[str, Any]]:
        """Return the frames that came before the reply to a last request."""
        await socket.send('{"action": "echo", "data": "last"}')
        frames: list[dict[str, Any]] = []
        while True:
            frame = json.loads(await asyncio.wait_for(socket.recv(), SECONDS))
            if frame["type"] == "echo":
                return frames
            frames.append(frame)

    async def run() -> list[list[dict[str, Any]]]:
        async with AsyncExitStack() as stack:
            sockets = []
            for _ in range(CLIENTS):
                guest = connect(scaled.url, proxy=None, open_timeout=SECONDS, ping_interval=None)
                sockets.append(await stack.enter_async_context(guest))
            answer = await asyncio.to_thread(
                scaled.invoke, "notify", {"channel": "lobby", "data": "to all"}
            )
            outcome.update(json.loads(answer.body))
            first = [await asyncio.wait_for(socket.recv(), SECONDS) for socket in sockets]
            # One task for each shard, then ranges of LIMIT members at most.
            await asyncio.to_thread(poll, lambda: done() >= 2 + CLIENTS // LIMIT or None)
            more = [await pushes(socket) for socket in sockets]
            return [[json.loads(one), *rest] for one, rest in zip(first, more, strict=True)]

    def done() -> int:
        return scaled.printed().count("1 of 1 messages done")

    received = asyncio.run(run())
    assert (outcome["delivered"], outcome["queued"]) == (0, 2)
    assert (scaled.project / "ended").exists()
    assert scaled.printed().count("0 of 1 messages done") == 1
    assert {frame["message_id"] for each in received for frame in each} == {outcome["message_id"]}
    assert sorted(map(len, received)) == [1] * (CLIENTS - 10) + [2] * 10


@pytest.mark.full
def test_member_that_does_not_read_among_thousands_has_no_range_sent_again(app: Path) -> None:
    """The generated app's own test, with 3,000 members in place of 300."""
    command = [sys.executable, "-B", "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    selected = ["tests/engine/delivery/test_ranges.py", "-k", "member_that_does_not_read"]
    variables = {**os.environ, "QUEUE_TEST_MEMBERS": "3000"}
    result = subprocess.run([*command, *selected], cwd=app, env=variables, capture_output=True)
    # The status is 5 where no test is selected.
    assert result.returncode == 0, result.stdout.decode()


@pytest.mark.parametrize("limit", [{}, {"FANOUT_LIMIT": "5"}])
def test_queue_is_in_the_package_where_a_limit_is_set(
    app: Path, tmp_path: Path, limit: dict[str, str]
) -> None:
    """The roles that the queue's policies name exist."""
    project = shutil.copytree(app, tmp_path / "app")
    edit(project / ".chalice/config.json", **limit)
    command = [sys.executable, "-B", "-m", "chalice_ws.deploy", "package", "--stage", "dev"]
    region = {"AWS_REGION": "us-east-1", "AWS_DEFAULT_REGION": "us-east-1"}
    subprocess.run(command, cwd=project, env={**os.environ, **region}, check=True)
    template = json.loads((project / "build/dev/template.json").read_text())
    resources = template["Resources"]
    types = {resource["Type"] for resource in resources.values()}
    assert ("AWS::SQS::Queue" in types) == bool(limit)
    variables = resources["Notify"]["Properties"]["Environment"]["Variables"]
    assert ("FANOUT_QUEUE" in variables) == bool(limit)
    policies = [each for each in resources.values() if each["Type"] == "AWS::IAM::Policy"]
    roles = {role["Ref"] for each in policies for role in each["Properties"]["Roles"]}
    assert all(resources[role]["Type"] == "AWS::IAM::Role" for role in roles)
    senders = ("Fanout", "Notify", "SignOut", "WebsocketDisconnect", "WebsocketMessage")
    named = {f"{name}Role" for name in senders}
    assert roles == (named if limit else set())


def test_wrong_resource_file_of_the_queue_is_named(app: Path, tmp_path: Path) -> None:
    project = shutil.copytree(app, tmp_path / "app")
    edit(project / ".chalice/config.json", FANOUT_LIMIT="5")
    (project / "resources/scale.json").write_text("{")
    command = [sys.executable, "-m", "chalice_ws.local", "--port=0", f"--project-dir={project}"]
    result = subprocess.run(command, cwd=app, capture_output=True, text=True)
    assert result.returncode == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: ")
    assert "resources/scale.json is not valid JSON" in line

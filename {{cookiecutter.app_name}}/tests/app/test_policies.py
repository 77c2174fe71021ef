"""The permissions of each function: those that it needs, and no others."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.client import Api, Rejected
from tests.conftest import expire
from tests.support.policies import STAGES, report_missing, unused
from tests.support.rows import write_members


def test_policies_allow_what_functions_call_and_nothing_else(
    api: Api, gone_members: None, reports: Path, request: pytest.FixtureRequest
) -> None:
    """The calls of all tests of this folder count, and here those that they lack."""
    ann, bob = api.connect(), api.connect()
    for client in (ann, bob):
        client.request("join", channel="tea")
    ann.request("name", name="Ann")
    ann.request("broadcast", channel="tea", data=1)
    ann.request("who", channel="tea")
    ann.request("channels")
    ann.request("leave", channel="tea")
    bob.disconnect()
    user, device = api.connect(user="ann"), api.connect(user="ann")
    for client in (user, device):
        client.request("join", channel="tea")
    device.request("read", channel="lobby", message_id="0198c1d2e3f4-5b6c7d8e9fa0b1c2")
    user.disconnect()
    api.run("notify", {"channel": "tea", "data": 1, "id": "1"})
    push = {"type": "message", "channel": "tea", "data": 1}
    task = {"push": push, "range": [0, " ", "~"], "endpoint": None, "exclude": []}
    api.run("fanout", {"Records": [{"messageId": "1", "body": json.dumps(task)}]})
    # A request after the token's end closes the connection.
    expire(user := api.connect(user="ann"))
    user.send('{"action": "help"}')
    api.run("sign_out", {"user": "ann"})
    with pytest.raises(Rejected):
        api.connect(user="ann", claims={"iat": 1})

    lines = report_missing(reports)
    if runs_after_all_others(request):
        found = [line for stage in STAGES for line in unused(stage)]
        # A test that failed may not have called all that it would.
        failed = request.session.testsfailed
        lines += [line for line in found if line.startswith("call ") or not failed]
    if lines:
        # A function without calls has the same line in each stage.
        pytest.fail("\n".join(dict.fromkeys(lines)), pytrace=False)


def runs_after_all_others(request: pytest.FixtureRequest) -> bool:
    """Return whether all other tests of this folder have run before, in this process."""
    items = request.session.items
    before = {item.path for item in items[: items.index(request.node)]}
    return {*Path(__file__).parent.rglob("test_*.py")} - {Path(__file__)} <= before


@pytest.fixture
def gone_members(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A member whose connection has ended, before each function: its push removes the member.

    It is in the lobby, in the channel tea, and in the channel of the user ann.
    """
    run, http = api.run, api.http

    def add_member() -> None:
        write_members(["gone"], "tea", "@ann", endpoint=api.url)

    def run_with_member(*arguments: Any, **options: Any) -> Any:
        add_member()
        return run(*arguments, **options)

    def http_with_member(*arguments: Any, **options: Any) -> Any:
        add_member()
        return http(*arguments, **options)

    monkeypatch.setattr(api, "run", run_with_member)
    monkeypatch.setattr(api, "http", http_with_member)

"""The permissions of each function: those that it needs, and no others."""

import json
from pathlib import Path

import pytest

from tests.client import Api, Client, Rejected
from tests.conftest import age, expire
from tests.support.policies import STAGES, missing, report_missing, unused


@pytest.mark.parametrize("stage", STAGES)
def test_policies_allow_what_functions_call_and_nothing_else(
    api: Api, stage: str, request: pytest.FixtureRequest
) -> None:
    """Grants that no function needs fail after all tests of this folder. Here is what they lack."""
    ann, bob, carl = (join(api) for _ in range(3))
    ann.request("name", name="Ann")
    lose_member(api)
    ann.request("broadcast", channel="tea", data=1)
    ann.request("who", channel="tea")
    ann.request("channels")
    carl.request("leave", channel="tea")
    lose_member(api)
    api.run("notify", {"channel": "tea", "data": 1, "id": "1"})
    lose_member(api)
    push = {"type": "message", "channel": "tea", "data": 1}
    task = {"push": push, "range": [0, " ", "~"], "endpoint": None, "exclude": []}
    api.run("fanout", {"Records": [{"messageId": "1", "body": json.dumps(task)}]})
    lose_member(api)
    bob.disconnect()
    user, device = api.connect(user="ann"), api.connect(user="ann")
    for client in (user, device):
        client.request("join", channel="tea")
    device.request("read", channel="lobby", message_id="0198c1d2e3f4-5b6c7d8e9fa0b1c2")
    user.disconnect()
    api.connect(user="ann")
    lose_member(api)
    # A request after the token's end closes the connection.
    expire(user := api.connect(user="ann"))
    user.send('{"action": "help"}')
    api.run("sign_out", {"user": "ann"})
    with pytest.raises(Rejected):
        api.connect(user="ann", claims={"iat": 1})
    report_missing()
    found = missing(stage)
    if runs_after_all_others(request):
        found += unused(stage)
    if found:
        pytest.fail("\n".join(found), pytrace=False)


def runs_after_all_others(request: pytest.FixtureRequest) -> bool:
    """Return whether all other tests of this folder have run before, in this process."""
    items = request.session.items
    before = {item.path for item in items[: items.index(request.node)]}
    others = {*Path(__file__).parent.rglob("test_*.py")} - {Path(__file__)}
    return others <= before and not hasattr(request.config, "workerinput")


def join(api: Api) -> Client:
    """Return a new client that is a member of the channel tea."""
    client = api.connect()
    client.request("join", channel="tea")
    age(client)
    return client


def lose_member(api: Api) -> None:
    """Leave a connection in the channel tea that API Gateway has closed. The next push finds it."""
    join(api).vanish()

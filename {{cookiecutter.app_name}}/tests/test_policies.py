"""The permissions of each function: those that it needs, and no others."""

import json

import pytest

from tests.client import Api
from tests.conftest import age
from tests.support.policies import STAGES, missing, unused


@pytest.mark.parametrize("stage", STAGES)
def test_policies_allow_what_functions_call_and_nothing_else(api: Api, stage: str) -> None:
    """Each call of a function must happen here. Add the calls that your actions make."""
    ann, bob, carl, *closed = (api.connect() for _ in range(7))
    for client in (ann, bob, carl, *closed):
        client.request("join", channel="tea")
        age(client)
    ann.request("name", name="Ann")
    closed.pop().vanish()
    ann.request("broadcast", channel="tea", data=1)
    ann.request("who", channel="tea")
    ann.request("channels")
    carl.request("leave", channel="tea")
    closed.pop().vanish()
    api.run("notify", {"channel": "tea", "data": 1})
    closed.pop().vanish()
    push = {"type": "message", "channel": "tea", "data": 1}
    task = {"push": push, "range": [0, " ", "~"], "endpoint": None, "exclude": []}
    api.run("fanout", {"Records": [{"messageId": "1", "body": json.dumps(task)}]})
    closed.pop().vanish()
    bob.disconnect()
    if found := [*missing(stage), *unused(stage)]:
        pytest.fail("\n".join(found), pytrace=False)

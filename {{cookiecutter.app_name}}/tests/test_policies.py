"""Each function may do in AWS what it does, and nothing else."""

import json

import pytest

from tests.client import Api
from tests.conftest import age
from tests.support.policies import STAGES, missing, unused


@pytest.mark.parametrize("stage", STAGES)
def test_each_function_may_do_what_it_does_and_no_more(api: Api, stage: str) -> None:
    """Whatever a function calls, it must come to call it here: add what yours does."""
    ann, bob, carl, *ghosts = (api.connect() for _ in range(7))
    for client in (ann, bob, carl, *ghosts):
        client.request("join", channel="tea")
        age(client)
    ann.request("name", name="Ann")
    ghosts.pop().vanish()
    ann.request("broadcast", channel="tea", data=1)
    ann.request("who", channel="tea")
    ann.request("channels")
    carl.request("leave", channel="tea")
    ghosts.pop().vanish()
    api.run("notify", {"channel": "tea", "data": 1})
    ghosts.pop().vanish()
    push = {"type": "message", "channel": "tea", "data": 1}
    task = {"push": push, "range": [0, " ", "~"], "endpoint": None, "exclude": None}
    api.run("fanout", {"Records": [{"messageId": "1", "body": json.dumps(task)}]})
    ghosts.pop().vanish()
    bob.disconnect()
    if found := [*missing(stage), *unused(stage)]:
        pytest.fail("\n".join(found), pytrace=False)

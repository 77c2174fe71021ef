"""The rules of chalicelib/access.py: what each client may do."""

import pytest

from tests.client import Api
from tests.conftest import error


def test_client_may_use_a_channel(api: Api) -> None:
    client = api.connect()
    for action, fields in (("join", {}), ("broadcast", {"data": 1}), ("history", {}), ("who", {})):
        assert client.request(action, channel="tea", **fields)["type"] != "error"


@pytest.mark.parametrize("action", ["join", "history", "who"])
def test_channel_of_a_user_is_closed_to_others(api: Api, action: str) -> None:
    api.run("notify", {"user": "ann", "data": "secret"})
    bob = api.connect(user="bob")
    assert error(bob.request(action, channel="@ann")) == ("forbidden", action)


def test_channel_of_a_user_is_open_to_the_user(api: Api) -> None:
    api.run("notify", {"user": "ann", "data": "secret"})
    ann = api.connect(user="ann")
    (message,) = ann.request("join", channel="@ann", limit=1)["messages"]
    assert message["data"] == "secret"

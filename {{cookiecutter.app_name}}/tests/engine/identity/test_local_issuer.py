"""Sign-in on this machine: the local issuer, and tests that sign in."""

import pytest

from tests.client import Api, Rejected


def test_client_signs_in_to_the_handlers(api: Api) -> None:
    ann = api.connect(user="ann", claims={"name": "Ann"})
    guest = api.connect()
    members = {each["name"]: each for each in guest.request("who", channel="lobby")["members"]}
    assert members["Ann"]["user"] == "ann"
    assert [name for name, each in members.items() if "user" not in each] == [
        f"guest-{guest.connection_id[:4]}"
    ]
    assert ann.request("name", name="Bob")["code"] == "forbidden"


def test_token_that_has_expired_is_refused(api: Api) -> None:
    with pytest.raises(Rejected, match="401"):
        api.connect(user="ann", claims={"exp": 1})


def test_deployed_function_refuses_the_local_issuer(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Lambda sets the variable."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "chat-prod-WebsocketConnect")
    with pytest.raises(Rejected, match="401"):
        api.connect(user="ann")
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert "AUTH_ISSUER is not valid (got 'http://127.0.0.1:" in record.getMessage()

"""Sign-in on this machine: the local issuer, and tests that sign in."""

from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus

from tests.client import Api, Rejected
from tests.conftest import serving
from tests.engine.conftest import GENERATED, SETTINGS


def test_two_people_see_each_other_on_the_gateway(database: None, tmp_path: Path) -> None:
    with serving(tmp_path, GENERATED, **SETTINGS, AUTH="jwt") as gateway:
        ann, bob = gateway.connect(user="ann"), gateway.connect(user="bob")
        assert ann.socket.subprotocol == "chalice-ws.v1"
        ann.request("join", channel="tea")
        bob.request("join", channel="tea")
        assert ann.push()["member"]["user"] == "bob"
        with pytest.raises(InvalidStatus, match="401"):
            gateway.connect()


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

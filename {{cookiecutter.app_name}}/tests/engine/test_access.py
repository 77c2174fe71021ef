"""The right to connect: origins, and the permissions of users."""

import pytest

from chalice_ws.local.websocket_api.events import Peer
from chalicelib.protocol.user import User
from chalicelib.storage import connections
from tests.client import Api, Rejected
from tests.engine.generated import access
from tests.engine.generated.access import may
from tests.support.policies import recorder

ORIGIN = "https://chat.example.com"
ANN = User("ann", "Ann", 2_000_000_000)


def connect_from(api: Api, *origins: str) -> None:
    api.connect([("Origin", each) for each in origins])


def test_origin_that_is_allowed_connects(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", f"https://other.example.com:8443, {ORIGIN}")
    connect_from(api, ORIGIN)
    api.connect([("origin", "https://other.example.com:8443")])


@pytest.mark.parametrize(
    "origins",
    [
        ["https://evil.example.com"],
        ["null"],
        [""],
        [f"{ORIGIN}.evil.com"],
        [f"{ORIGIN}:443"],
        ["http://chat.example.com"],
        ["https://CHAT.example.com"],
        ["https://evil.example.com", ORIGIN],
        [ORIGIN, "https://evil.example.com"],
    ],
)
def test_origin_that_is_not_allowed_is_refused_before_the_table_is_touched(
    api: Api, origins: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", ORIGIN)
    with pytest.raises(Rejected, match="403") as caught:
        connect_from(api, *origins)
    assert "the fixture person of tests/conftest.py" in str(caught.value.__cause__)
    assert not [call for _, call in recorder.calls if call.action.startswith("dynamodb:")]


def test_user_of_another_type_is_told_with_the_function_to_correct(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.authenticate", lambda event: "ann")
    with pytest.raises(TypeError, match=r"authenticate in chalicelib/access\.py returned 'ann'; "):
        api.connect()


@pytest.mark.parametrize("left_out", ["headers", "multiValueHeaders"])
def test_origin_in_either_form_of_the_headers_counts(
    api: Api, left_out: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Emulators of API Gateway may send one of them."""
    monkeypatch.setenv("ALLOWED_ORIGINS", ORIGIN)
    for origin, status in ((ORIGIN, 200), ("https://evil.example.com", 403)):
        event = Peer("api", "example.com").connect([("Origin", origin)])
        del event[left_out]
        assert api.run("connect", event)["statusCode"] == status


def test_client_without_origin_connects(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", ORIGIN)
    api.connect()


def test_every_origin_connects_without_the_setting(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect_from(api, "https://evil.example.com")
    monkeypatch.setenv("ALLOWED_ORIGINS", " ")
    connect_from(api, "null")


def test_setting_that_is_not_valid_refuses_with_one_line(
    api: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("ALLOWED_ORIGINS", "https://*.example.com")
    with pytest.raises(Rejected, match="403"):
        connect_from(api, ORIGIN)
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert "ALLOWED_ORIGINS is not valid (got 'https://*.example.com'); use" in record.getMessage()


@pytest.mark.parametrize("action", ["join", "broadcast", "history", "read", "who"])
@pytest.mark.parametrize("user", [None, ANN])
def test_each_channel_without_an_at_sign_is_open(user: User | None, action: str) -> None:
    assert may(user, action, "tea")


@pytest.mark.parametrize(
    ("user", "action", "allowed"),
    [
        (ANN, "history", True),
        (ANN, "read", True),
        (ANN, "join", True),
        (ANN, "broadcast", False),
        (ANN, "who", False),
        (User("bob", "Ann", 2_000_000_000), "join", False),
        (User("bob", "Ann", 2_000_000_000), "history", False),
        (None, "history", False),
    ],
)
def test_own_channel_is_for_its_user_alone(user: User | None, action: str, allowed: bool) -> None:
    assert may(user, action, "@ann") == allowed


def test_connection_keeps_the_claims_that_access_names(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    claims = {"name": "Ann", "channels": ["tea"], "email": "ann@example.com"}
    client = api.connect(user="ann", claims=claims)
    user = connections.get(client.connection_id).user
    assert user is not None
    assert user.claims == {}
    monkeypatch.setattr(access, "KEPT_CLAIMS", ("channels", "missing"))
    client = api.connect(user="ann", claims=claims)
    user = connections.get(client.connection_id).user
    assert user is not None
    assert (user.id, user.name, user.claims) == ("ann", "Ann", {"channels": ["tea"]})

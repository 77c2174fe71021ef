"""Hosts with several addresses: their order, and an address that does not work."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.certificates import Certificate, make_certificate
from tests.sender.fake_api import FakeApi, serve
from tests.sender.process import run_sender
from tests.sender.support import assert_consistent, environment, new_ids

HOST = "dual.example"
FIRST, SECOND = "127.0.0.2", "127.0.0.1"


@pytest.fixture(scope="module")
def dual_certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for the host."""
    return make_certificate(tmp_path_factory.mktemp("dual"), HOST)


@pytest.fixture
def second_api(dual_certificate: Certificate) -> Iterator[FakeApi]:
    """The API at the host's second address."""
    with serve(dual_certificate) as api:
        yield api


def listen_first(api: FakeApi) -> socket.socket:
    """Return a socket that listens at the host's first address, on the API's port."""
    try:
        return socket.create_server((FIRST, api.port), backlog=256)
    except OSError as error:
        # Linux has all of 127.0.0.0/8, macOS has one address.
        pytest.skip(f"{FIRST} is not an address of this machine: {error}")


def send(
    app: Path, certificate: Certificate, api: FakeApi, log: Path, attempt_delay_seconds: float
) -> None:
    """Fan out to the host, and assert that all recipients are reached."""
    variables = environment(
        certificate,
        ADDRESSES=f"{HOST},{FIRST},{SECOND}",
        ATTEMPT_DELAY_SECONDS=str(attempt_delay_seconds),
        TIMEOUT_SECONDS="600",
    )
    with run_sender(app, log, **variables) as sender:
        ids = new_ids(60)
        # The deadline ends an attempt with an address that does not answer.
        result = sender.send([(each, f"https://{HOST}:{api.port}/dev") for each in ids], 300)
        assert_consistent(result, ids, api)
        assert result.counts["delivered"] == len(ids), sender.log


def test_first_address_that_answers_gets_all_connections(
    app: Path, dual_certificate: Certificate, second_api: FakeApi, tmp_path: Path
) -> None:
    with (
        closing(listen_first(second_api)) as listener,
        serve(dual_certificate, listener) as first_api,
    ):
        send(app, dual_certificate, first_api, tmp_path / "log", attempt_delay_seconds=600)
    assert first_api.connection_count > 1
    assert second_api.connection_count == 0


def test_address_that_refuses_is_followed_by_the_next_at_once(
    app: Path, dual_certificate: Certificate, second_api: FakeApi, tmp_path: Path
) -> None:
    # The deadline comes before the next attempt would begin.
    send(app, dual_certificate, second_api, tmp_path / "log", attempt_delay_seconds=600)


def test_address_that_does_not_answer_is_followed_by_the_next(
    app: Path, dual_certificate: Certificate, second_api: FakeApi, tmp_path: Path
) -> None:
    # The system accepts connections for this socket. There is no TLS.
    with closing(listen_first(second_api)):
        send(app, dual_certificate, second_api, tmp_path / "log", attempt_delay_seconds=0.25)
    assert second_api.connection_count > 1

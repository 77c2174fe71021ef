"""A stand-in for API Gateway, and the app's fan-out in a process of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import Certificate, make
from tests.sender.checks import trusting
from tests.sender.sender import Sending, sending
from tests.sender.standin import StandIn, serving


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make(tmp_path_factory.mktemp("certificate"), "127.0.0.1")


@pytest.fixture
def standin(certificate: Certificate) -> Iterator[StandIn]:
    with serving(certificate) as each:
        yield each


@pytest.fixture
def sender(
    app: Path, certificate: Certificate, tmp_path: Path, standin: StandIn
) -> Iterator[Sending]:
    """A sender of the test's own, cold; it ends before its stand-in."""
    with sending(app, tmp_path / "log", **trusting(certificate)) as each:
        yield each

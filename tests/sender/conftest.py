"""Fixtures: a fake management API, and a process with the app's sender."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.certificates import Certificate, make_certificate
from tests.sender.fake_api import FakeApi, serve
from tests.sender.process import SenderProcess, run_sender
from tests.sender.support import environment


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """A certificate for the fake API's address."""
    return make_certificate(tmp_path_factory.mktemp("certificate"), "127.0.0.1")


@pytest.fixture
def api(certificate: Certificate) -> Iterator[FakeApi]:
    """A fake API of the test's own."""
    with serve(certificate) as each:
        yield each


@pytest.fixture
def sender(
    app: Path, certificate: Certificate, tmp_path: Path, api: FakeApi
) -> Iterator[SenderProcess]:
    """A sender process of the test's own, which has sent nothing yet. It ends before the API."""
    with run_sender(app, tmp_path / "log", **environment(certificate)) as each:
        yield each

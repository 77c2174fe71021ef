"""Recipients, settings and assertions that the tests of the sender share."""

import importlib.util
import time
from collections.abc import Callable
from itertools import count as numbers
from pathlib import Path
from types import ModuleType

from tests.certificates import Certificate
from tests.sender.fake_api import FakeApi
from tests.sender.process import Result

KEY, SECRET, TOKEN = "AKIAIOSFODNN7EXAMPLE", "secret/+", "token/+=" * 40
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": KEY,
    "AWS_SECRET_ACCESS_KEY": SECRET,
    "AWS_SESSION_TOKEN": TOKEN,
}

_next_id = numbers()


def environment(certificate: Certificate, **variables: str) -> dict[str, str]:
    """Return variables for a sender process that trusts a certificate."""
    bundle = str(certificate.authority)
    return {**CREDENTIALS, "AWS_CA_BUNDLE": bundle, "FANOUT_RPS": "0", **variables}


def new_ids(count: int) -> list[str]:
    """Return connection ids that no other test uses."""
    return [f"{next(_next_id):012}id0=" for _ in range(count)]


def recipients(api: FakeApi, ids: list[str]) -> list[tuple[str, str]]:
    """Return connection ids with the URL of an API."""
    return [(each, api.url) for each in ids]


def assert_consistent(result: Result, ids: list[str], api: FakeApi) -> None:
    """Assert that each recipient has one status, and that the API gave that status."""
    assert not result.error
    assert sum(result.counts.values()) == len(ids), result
    assert result.counts["delivered"] <= len(api.statuses(200).keys() & set(ids))
    assert len(result.gone) == len(set(result.gone)) == result.counts["gone"]
    assert set(result.gone) <= api.statuses(410).keys() & set(ids)


def wait_for(condition: Callable[[], bool], max_seconds: float = 120) -> None:
    """Wait until a condition is true."""
    until = time.monotonic() + max_seconds
    while not condition():
        assert time.monotonic() < until, f"the condition is not true after {max_seconds} s"
        time.sleep(0.005)


def load_module(app: Path, name: str) -> ModuleType:
    """Import a module of an app's sender that imports no other module of the app."""
    path = app / "chalicelib" / "sender" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"sender_{name}", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

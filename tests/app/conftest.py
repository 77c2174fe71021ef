"""The generated app's `clients` package, for tests."""

import asyncio
import importlib
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from tests.local.gateway import SECONDS


@pytest.fixture
def clients(app: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package."""
    monkeypatch.syspath_prepend(app)
    return importlib.import_module("clients")


def run(story: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine, and end it if it hangs."""
    asyncio.run(asyncio.wait_for(story, SECONDS))

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
    """Run a test's coroutine, and fail if it hangs."""

    async def run_in_time() -> None:
        task = asyncio.create_task(story)
        await asyncio.wait({task}, timeout=SECONDS)
        assert task.done(), f"no end within {SECONDS} s"
        await task

    asyncio.run(run_in_time())

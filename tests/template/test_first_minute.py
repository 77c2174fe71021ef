"""The pictures of the first minute in docs/start.md, made anew from a running app."""

import os
import re
from pathlib import Path

import pytest

from docs import first_minute
from tests.conftest import ROOT


@pytest.mark.full
def test_first_minute_happens_as_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script waits for each text that its pictures show."""
    # The script sets another one.
    monkeypatch.setenv("HOME", os.environ["HOME"])
    monkeypatch.setattr(first_minute, "FOLDER", tmp_path)
    first_minute.main()
    made = sorted(path.name for path in tmp_path.iterdir())
    text = (ROOT / "docs" / "start.md").read_text()
    assert made == sorted(re.findall(r'<img src="([^"]+)"', text))
    assert "`data.upper()`" in text
    assert "data.upper()" in first_minute.EDITED

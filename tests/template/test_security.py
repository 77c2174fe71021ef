"""The tests that docs/security.md names."""

import re
from pathlib import Path

from tests.conftest import ROOT


def test_each_test_in_the_table_of_threats_exists(app: Path) -> None:
    text = (app / "docs" / "security.md").read_text()
    named = set(re.findall(r"`(test_\w+)`", text))
    files = [*(app / "tests").rglob("test_*.py"), *(ROOT / "tests").rglob("test_*.py")]
    defined = {name for path in files for name in re.findall(r"def (test_\w+)", path.read_text())}
    assert named
    assert named - defined == set()
    for path in re.findall(r"`(tests/[\w/.]+)`", text):
        assert (app / path).exists(), path

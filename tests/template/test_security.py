"""docs/security.md: the tests that it names, and the cost that it promises."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.parametrize(
    ("handler", "mode"), [("app.connect", "none"), ("app.message", "none"), ("app.message", "jwt")]
)
def test_function_that_reads_no_token_loads_no_package_for_it(
    app: Path, handler: str, mode: str
) -> None:
    """The connect function has run with AUTH none."""
    names = ("jwt", "cryptography", "chalicelib.identity.tokens", "chalicelib.identity.fetch")
    probe = f"""
import sys, app
from chalicelib.access import authenticate
from chalice.app import WebsocketEvent
context = {{"domainName": "a", "stage": "api", "connectionId": "b"}}
if {handler!r} == "app.connect":
    assert authenticate(WebsocketEvent({{"requestContext": context}}, None)) is None
print([name for name in {names} if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-B", "-c", probe],
        cwd=app,
        env={**os.environ, "_HANDLER": handler, "AUTH": mode},
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")

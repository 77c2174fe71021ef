"""docs/security.md: the tests that it names, and the cost that it promises."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, Bake


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


CLAIMS_TEST = """
from tests.client import Api


def test_claim_opens_its_channels(api: Api) -> None:
    ann, guest = api.connect(user="ann", claims={"channels": ["tea"]}), api.connect()
    assert ann.request("join", channel="tea")["type"] == "joined"
    assert ann.request("join", channel="coffee")["code"] == "forbidden"
    assert guest.request("join", channel="tea")["code"] == "forbidden"
    assert guest.request("who", channel="tea")["code"] == "forbidden"
"""


def test_example_of_channels_by_a_claim_works(bake: Bake) -> None:
    app = bake()
    example = re.findall(r"```python\n(.*?)```", (app / "docs" / "security.md").read_text(), re.S)
    path = app / "chalicelib" / "access.py"
    source = path.read_text()
    kept, function = example[0].split("\n\n\n")
    source = re.sub(r"KEPT_CLAIMS: .*\n", f"{kept}\n", source)
    source = re.sub(r"def may\(.*", function, source, flags=re.S)
    path.write_text(source)
    (app / "tests" / "test_claims.py").write_text(CLAIMS_TEST)
    done = subprocess.run(
        [sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", "tests/test_claims.py"],
        cwd=app,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout

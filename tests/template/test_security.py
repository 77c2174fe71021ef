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
    assert ann.request("join", channel="@bob")["code"] == "forbidden"
    assert ann.request("broadcast", channel="@ann", data=1)["code"] == "forbidden"
    assert ann.request("join", channel="@ann")["type"] == "joined"
    assert guest.request("join", channel="tea")["code"] == "forbidden"
    assert guest.request("who", channel="tea")["code"] == "forbidden"
    listed = guest.request("channels")["channels"]
    assert [each["channel"] for each in listed] == ["lobby"]


def test_claim_that_is_no_list_opens_nothing(api: Api) -> None:
    for channels in ("teapot", None, {"tea": 1}):
        bob = api.connect(user="bob", claims={"channels": channels})
        assert bob.request("join", channel="tea")["code"] == "forbidden"
"""


def examples(app: Path, language: str) -> list[str]:
    """Return the examples of docs/security.md in a language."""
    text = (app / "docs" / "security.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def run_test(app: Path, text: str) -> tuple[int, str]:
    """Run the text of a test in an app; return the status and the output."""
    (app / "tests" / "app" / "test_example.py").write_text(text)
    command = [sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "tests/app/test_example.py"], cwd=app, capture_output=True, text=True
    )
    return done.returncode, done.stdout


@pytest.mark.full
def test_example_of_channels_by_a_claim_works(bake: Bake) -> None:
    app = bake()
    path = app / "chalicelib" / "access.py"
    kept, function = examples(app, "python")[0].split("\n\n\n")
    source = re.sub(r"KEPT_CLAIMS: .*\n", f"{kept}\n", path.read_text())
    path.write_text(re.sub(r"def may\(.*", lambda _: function, source, flags=re.S))
    status, output = run_test(app, CLAIMS_TEST)
    assert status == 0, output

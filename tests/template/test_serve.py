"""docs/serve.md: its commands, and what it shows of their output."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT
from tests.local.gateway import running

PAGE = (ROOT / "docs" / "serve.md").read_text()


def test_page_begins_with_its_commands() -> None:
    """tests/project/test_install.py runs them in a fresh environment."""
    block = re.findall(r"^    (\S.*)$", PAGE.partition("\n## ")[0], re.MULTILINE)
    assert block == ["pip install ../chalice-ws-template", "chalice-ws local"]


def run(app: Path, folder: Path, line: str, typed: str = "") -> str:
    """Run a command of the page in an app's folder; it must succeed."""
    command = ["-B", "-m", *shlex.split(line.replace("chalice-ws", "chalice_ws"))]
    done = subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(app)},
        input=typed,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_commands_and_output_of_the_page_are_true(app: Path, tmp_path: Path) -> None:
    commands = re.findall(r"^    (chalice-ws (?!local).*)$", PAGE, re.MULTILINE)
    assert commands == ["chalice-ws connect", "chalice-ws check"]
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    with running(app, "parrot", tmp_path) as gateway:
        gateway.prints("Press Ctrl-C")
        port = f" --port {gateway.port}"
        assert "< HELLO\n" in run(app, gateway.project, commands[0] + port, "hello\n")
        assert "No problems in dev" in run(app, gateway.project, commands[1])
        run(app, gateway.project, f"chalice-ws invoke job_clean{port}")
        text = gateway.printed().replace(str(gateway.port), "8000").replace("8000/ws", "8000/api")
    text = re.sub(r"run it with .* invoke", "run it with chalice-ws invoke", text)
    text = re.sub(r" --(project-dir|port) \S+", "", text)
    text = text.replace("parrot", "shop").replace("job_clean", "nightly")
    assert set(shown.splitlines()) <= set(text.splitlines())

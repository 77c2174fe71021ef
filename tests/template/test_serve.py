"""docs/serve.md: its commands, and what it shows of their output."""

import re
from pathlib import Path

from tests.conftest import ROOT
from tests.local.gateway import running

PAGE = (ROOT / "docs" / "serve.md").read_text()


def test_page_begins_with_its_commands() -> None:
    """tests/project/test_install.py runs them in a fresh environment."""
    block = re.findall(r"^    (\S.*)$", PAGE.partition("\n## ")[0], re.MULTILINE)
    assert block == ["pip install ../chalice-ws-template", "chalice-ws local"]


def test_output_of_the_page_is_what_the_command_prints(app: Path, tmp_path: Path) -> None:
    (shown,) = re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)
    with running(app, "parrot", tmp_path) as gateway:
        gateway.prints("Press Ctrl-C")
        text = gateway.printed().replace(str(gateway.port), "8000").replace("8000/ws", "8000/api")
    text = re.sub(r"run it with .* invoke", "run it with chalice-ws invoke", text)
    text = re.sub(r" --(project-dir|port) \S+", "", text)
    text = text.replace("parrot", "shop").replace("job_clean", "nightly")
    assert set(shown.splitlines()) <= set(text.splitlines())

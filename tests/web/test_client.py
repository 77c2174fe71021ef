"""Tests of web/client/ in Node, without a browser."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import RAW
from tests.web.browser import SECONDS

NODE = shutil.which("node")


@pytest.mark.full
@pytest.mark.skipif(not NODE, reason="node is not installed")
def test_client_passes_its_tests_in_node(tmp_path: Path) -> None:
    client = shutil.copytree(RAW / "web" / "client", tmp_path / "client")
    # Node takes a .js file for CommonJS without it.
    (tmp_path / "package.json").write_text('{"type": "module"}')
    done = subprocess.run(
        [str(NODE), "--test", str(Path(__file__).parent / "client.test.mjs")],
        env={**os.environ, "CLIENT": (client / "client.js").as_uri()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout

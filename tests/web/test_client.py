"""Tests of web/client/ in Node, without a browser."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import RAW
from tests.web.browser import SECONDS
from tests.web.closing_server import closing_server

NODE = shutil.which("node")
TESTS = Path(__file__).parent

needs_node = pytest.mark.skipif(not NODE, reason="node is not installed")


def run(test: str, tmp_path: Path, node: str | None = None, **environment: str) -> None:
    """Run a file of tests with a copy of the client. The owner of a copied folder has no more."""
    client = shutil.copytree(RAW / "web" / "client", tmp_path / "client")
    done = subprocess.run(
        [node or str(NODE), "--test", str(TESTS / test)],
        env={**os.environ, "CLIENT": (client / "client.js").as_uri(), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS * 4,
    )
    assert done.returncode == 0, done.stdout


@needs_node
@pytest.mark.parametrize(
    "test", ["client.test.mjs", "saved.test.mjs", "timing.test.mjs", "fuzz.test.mjs"]
)
def test_client_passes_its_tests_in_node(tmp_path: Path, test: str) -> None:
    run(test, tmp_path)


@needs_node
@pytest.mark.full
@pytest.mark.parametrize("seed", ["1", "2"])
def test_100000_random_frames_raise_nothing_that_is_not_caught(tmp_path: Path, seed: str) -> None:
    run("fuzz.test.mjs", tmp_path, FRAMES="100000", SEED=seed)


@pytest.mark.full
@pytest.mark.parametrize("version", ["node22", "node24"])
def test_client_comes_back_after_refused_handshakes(
    tmp_path: Path, node: Path, version: str
) -> None:
    binary = str(node / version / "bin" / "node")
    with closing_server(refused=2) as server:
        run("real.test.mjs", tmp_path, binary, URL=server.url)
        assert server.broadcasts == ["tea"]
    run("client.test.mjs", tmp_path / "again", binary)

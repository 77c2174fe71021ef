"""Tokens in Node, without a browser: those of the client, and the page's code flow with PKCE."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.conftest import RAW
from tests.web.browser import SECONDS

NODE = shutil.which("node")
WEB = RAW / "web"


@pytest.mark.skipif(not NODE, reason="node is not installed")
@pytest.mark.parametrize("test", ["tokens.test.mjs", "issuer.test.mjs"])
def test_tokens_are_renewed_and_refused_in_node(test: str) -> None:
    modules = {
        "CLIENT": (WEB / "client" / "client.js").as_uri(),
        "PAGE": f"{(WEB / 'page').as_uri()}/",
    }
    done = subprocess.run(
        [str(NODE), "--test", str(Path(__file__).parent / test)],
        env={**os.environ, **modules},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS * 4,
    )
    assert done.returncode == 0, done.stdout

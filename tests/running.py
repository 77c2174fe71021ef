"""A generated app that runs: `python -m local` in a process of its own."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SECONDS = 20


@contextmanager
def running(app: Path, *options: str) -> Iterator[str]:
    """Serve an app on a free port; gives the address of its page. Ended with the block."""
    log = app / "gateway.log"
    command = [sys.executable, "-B", "-m", "local", "--port", "0", *options]
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=app, stdout=output, stderr=output)
    try:
        end = time.monotonic() + SECONDS
        while not (found := re.search(r"http://\S+/", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.05)
        yield found[0]
    finally:
        process.terminate()
        process.wait(SECONDS)

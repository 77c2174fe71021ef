"""The fake management API as a process, and the environment of a sender that uses it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.certificates import Certificate

ROOT = Path(__file__).parent.parent.parent


@contextmanager
def serve(certificate: Certificate, core: int = 1) -> Iterator[str]:
    """Run the fake API on one core for the block; yield its URL."""
    module = [sys.executable, "-m", "benchmarks.fanout.server"]
    command = [*module, str(core), str(certificate.server)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield f"https://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def environment(app: Path, certificate: Certificate) -> dict[str, str]:
    """Return the variables of a Lambda function, without this machine's settings for AWS."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {
        **inherited,
        "PYTHONPATH": str(app),
        "AWS_CA_BUNDLE": str(certificate.authority),
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_SESSION_TOKEN": "token" * 100,
        "AWS_DEFAULT_REGION": "us-east-1",
        "FANOUT_RPS": "1000000",
    }

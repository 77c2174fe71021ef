"""The CPU time of a cold start: importing an app, and what its first event needs.

That is the DynamoDB client and the secret's client for connect, and else the first push over a new
TLS connection.

Usage: python -m benchmarks.cold_start [ROUNDS]
"""

import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from cookiecutter.main import cookiecutter

from benchmarks.fanout.serving import ROOT, environment, serve
from tests.certificates import make_certificate


class Case(NamedTuple):
    """An app to measure.

    Args:
        imports: code that imports it, run in the folder of the generated app.
        sends: code of its first event. URL and ID are those of a connection.
    """

    name: str
    imports: str
    sends: str


CASES = [
    Case(
        "chalice and a boto3 session",
        "import chalice, boto3.session; session = boto3.session.Session()",
        "client = session.client('apigatewaymanagementapi', endpoint_url=URL)\n"
        "client.post_to_connection(ConnectionId=ID, Data=b'{}')",
    ),
    Case(
        "an app as in Chalice's tutorial",
        f"sys.path.insert(0, {str(ROOT / 'benchmarks' / 'tutorial')!r})\nimport app",
        "app.app.websocket_api.configure(*URL.removeprefix('https://').split('/'))\n"
        "app.app.websocket_api.send(ID, '{}')",
    ),
    Case(
        "the generated app, function connect",
        "import os; os.environ['_HANDLER'] = 'app.connect'; import app",
        # It sends nothing.
        "from chalicelib.storage.table import dynamodb; dynamodb()",
    ),
    Case(
        "the same with AUTH jwt, HS256",
        # cryptography is not in the zip.
        "import os; os.environ['_HANDLER'] = 'app.connect'; sys.modules['cryptography'] = None\n"
        "import app\nfrom chalicelib.identity import tokens",
        "from chalicelib.storage.table import dynamodb; dynamodb()\napp.session.client('ssm')",
    ),
    Case(
        "the same with AUTH jwt, RS256 or ES256",
        "import os; os.environ['_HANDLER'] = 'app.connect'; import app\n"
        "from chalicelib.identity import tokens",
        "from chalicelib.storage.table import dynamodb; dynamodb()",
    ),
    Case(
        "the generated app, function message",
        "import app",
        "from chalicelib.sender import send\n"
        "assert send(b'{}', [(ID, URL)], time.monotonic() + 10).delivered == 1",
    ),
]

MEASURE = """
import sys, time
sys.path.insert(0, "")
URL, ID = sys.argv[1], "PJqB0fHsqRcCHlw="
start = time.process_time()
{}
imported = time.process_time()
{}
print((imported - start) * 1000, (time.process_time() - start) * 1000)
"""


def main(rounds: int = 15) -> None:
    """Print the median CPU times in ms, and their ratios to those of the first case."""
    times: dict[str, list[list[float]]] = {case.name: [] for case in CASES}
    with tempfile.TemporaryDirectory() as folder:
        app = Path(cookiecutter(str(ROOT), no_input=True, output_dir=folder, default_config=True))
        certificate = make_certificate(Path(folder), "127.0.0.1")
        variables = environment(app, certificate)
        with serve(certificate) as url:
            for number in range(rounds + 1):
                for case in CASES:
                    code = MEASURE.format(case.imports, case.sends)
                    # Lambda compiles the modules at each start: it cannot write beside them.
                    command = [sys.executable, "-B", "-c", code, f"{url}/cold-1"]
                    output = subprocess.run(
                        command, cwd=app, env=variables, capture_output=True, check=True
                    ).stdout
                    # The first round fills the caches of the file system.
                    if number:
                        times[case.name].append([float(each) for each in output.split()])
    print(
        f"Python {platform.python_version()}, {platform.machine()}, {rounds} rounds; CPU ms, ratio"
    )
    print("  imported      first event")
    first: list[float] = []
    for name, found in times.items():
        medians = [statistics.median(each) for each in zip(*found, strict=True)]
        first = first or medians
        cells = (f"{ms:6.1f} {ms / least:5.2f}x" for ms, least in zip(medians, first, strict=True))
        print(f"{'  '.join(cells)}  {name}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

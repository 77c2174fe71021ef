"""What the generated app adds to a cold start: its import beside the least that any app imports.

Usage: python -m benchmarks.cold_start [ROUNDS]
"""

import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from cookiecutter.main import cookiecutter

ROOT = Path(__file__).parent.parent

CASES = {
    "chalice and a boto3 session": "import chalice, boto3.session; boto3.session.Session()",
    "the generated app": "import app",
}

TIMED = """
import sys, time
sys.path.insert(0, "")
start = time.perf_counter()
{}
print((time.perf_counter() - start) * 1000)
"""


def main(rounds: int = 15) -> None:
    """Print the medians of so many rounds, in ms, and their ratio."""
    with tempfile.TemporaryDirectory() as folder:
        app = cookiecutter(str(ROOT), no_input=True, output_dir=folder, default_config=True)
        times: dict[str, list[float]] = {name: [] for name in CASES}
        for number in range(rounds + 1):
            for name, code in CASES.items():
                command = [sys.executable, "-c", TIMED.format(code)]
                output = subprocess.run(command, cwd=app, capture_output=True, check=True).stdout
                if number:  # the first round fills the caches
                    times[name].append(float(output))
    medians = {name: statistics.median(each) for name, each in times.items()}
    print(f"Python {platform.python_version()}, {platform.machine()}, {rounds} rounds")
    for name, median in medians.items():
        print(f"{median:8.1f} ms  {name}")
    floor, ours = medians.values()
    print(f"{ours / floor:8.2f}     ratio")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

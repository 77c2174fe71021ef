"""Compare the generated app's sender with boto3. README.md describes the method."""

import argparse
import json
import os
import platform
import re
import ssl
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from importlib.metadata import version
from itertools import count as numbers
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.request import urlopen

from cookiecutter.main import cookiecutter

from benchmarks import revision
from benchmarks.fanout.serving import ROOT, environment, serve
from tests.certificates import make_certificate

HERE = Path(__file__).parent
PACKAGES = ["boto3", "botocore", "urllib3", "uvloop"]

# The fake API has core 1.
SENDER_CORE = 0
MAX_RUN_SECONDS = 120

LATENCIES = [1, 10, 30]
SIZES = [100, 1000, 5000, 20_000]

# The rate of a loop does not depend on the number of recipients.
LOOP_SIZE = 100

# boto3 takes half a minute for 20,000: it sends twice, or in each round, only to fewer.
MAX_BOTO3_SIZE_TWICE = 1000
MIN_BOTO3_SIZE_ONE_ROUND = 20_000


class Case(NamedTuple):
    """A sender in a process of its own: its calls, and the rounds that it takes part in."""

    sender: str
    latency: int
    size: int
    calls: int
    rounds: int


class Row(NamedTuple):
    """A row of the table. `call` is 0 for the first call and 1 for the second, which is warm."""

    sender: str
    latency: int
    call: int


# The figures of each round, by row and number of recipients.
Results = dict[tuple[Row, int], list[dict[str, float]]]


def cases(rounds: int, quick: bool) -> Iterator[Case]:
    """Yield the cases of a round."""
    for latency in [10] if quick else LATENCIES:
        yield Case("loop", latency, LOOP_SIZE, 1, rounds)
        for size in SIZES[:-1] if quick else SIZES:
            if size < MIN_BOTO3_SIZE_ONE_ROUND or latency == 10:
                calls = 2 if size <= MAX_BOTO3_SIZE_TWICE else 1
                often = rounds if size < MIN_BOTO3_SIZE_ONE_ROUND else 1
                yield Case("boto3, 16 threads", latency, size, calls, often)
                yield Case("boto3, 32 threads", latency, size, calls, often)
            yield Case("ours", latency, size, 2, rounds)
            yield Case("floor", latency, size, 2, rounds)


def run(case: Case, url: str, variables: dict[str, str]) -> list[dict[str, float]]:
    """Measure a case. Each recipient must have got one post for each call."""
    module = [sys.executable, "-m", "benchmarks.fanout.senders", str(SENDER_CORE)]
    command = [*module, case.sender, url, str(case.size), str(case.calls)]
    process = subprocess.run(
        command,
        cwd=ROOT,
        env=variables,
        stdout=subprocess.PIPE,
        check=True,
        timeout=MAX_RUN_SECONDS,
    )
    context = ssl.create_default_context(cafile=variables["AWS_CA_BUNDLE"])
    with urlopen(url, context=context) as response:
        posts = json.load(response)["recipients"]
    assert posts == {str(case.calls): case.size}, f"{case}: got {posts}"
    figures: list[dict[str, float]] = json.loads(process.stdout)
    return figures


def table(results: Results) -> str:
    """Return the table of medians."""
    sizes = sorted({size for _, size in results})
    lines = [["answer after", "sender", *(f"to {size:,}" for size in sizes)]]
    lines.append(["---"] * len(lines[0]))
    rows = sorted({row for row, _ in results}, key=lambda row: row.latency)
    order = {name: at for at, name in enumerate(dict.fromkeys(row.sender for row, _ in results))}
    for row in sorted(rows, key=lambda row: (row.latency, order[row.sender], row.call)):
        cells = [f"{row.latency} ms", row.sender + (", again" if row.call else "")]
        for size in sizes:
            found = results.get((row, size))
            cells.append("-" if not found else _cell(found))
        lines.append(cells)
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(found: list[dict[str, float]]) -> str:
    rate, cpu, memory = (median(run[figure] for run in found) for figure in found[0])
    return f"{rate:,.0f}/s, {cpu:,.0f} us, {memory:.0f} MiB"


def targets(results: Results) -> str:
    """Return the table of targets and results."""

    def ratio(figure: str, other: str, size: int, call: int = 0) -> float:
        # Of the same round: the speed of a machine changes between rounds.
        against = results[Row(other, 10, call), LOOP_SIZE if other == "loop" else size]
        ours = results[Row("ours", 10, call), size]
        return median(a[figure] / b[figure] for a, b in zip(ours, against, strict=True))

    def times(other: str, size: int, call: int = 0) -> float:
        return ratio("rate", other, size, call)

    def cpu(call: int) -> float:
        return ratio("cpu", "floor", 5000, call)

    threads = "boto3, 32 threads"
    lines = [
        ["at 10 ms", "is", "target"],
        ["---"] * 3,
        [f"deliveries/s to 5,000, times {threads}", f"{times(threads, 5000):.1f}", "at least 10"],
        [f"deliveries/s to 1,000, times {threads}", f"{times(threads, 1000):.1f}", "at least 4"],
        ["the same, both again", f"{times(threads, 1000, 1):.1f}", "at least 10"],
        ["deliveries/s to 5,000, times the loop", f"{times('loop', 5000):.0f}", "at least 60"],
        ["CPU a delivery to 5,000, times the floor", f"{cpu(0):.2f}", "at most 2"],
        ["the same, both again", f"{cpu(1):.2f}", "at most 2"],
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def report(results: Results, rounds: int, load: float) -> str:
    """Return both tables, with the machine and the versions of the packages."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    machine = f"{os.cpu_count()} cores, {found[1] if found else platform.machine()}"
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"# Senders, side by side\n\nMedians of {rounds} rounds in one run, in turn, TLS on; each "
        f"sender in a process of its own on one core, the fake API on another ({machine}; Python "
        f"{platform.python_version()}, {ssl.OPENSSL_VERSION}, {versions}). In each cell: "
        f"deliveries a second, CPU a delivery, by how much the process grew. *Again*: over the "
        f"connections of the call before. Ratios are of one round each. The machine's load was "
        f"{load:.1f} before it all. Made by `python -m benchmarks.fanout`, {revision()}.\n\n"
        f"{targets(results)}\n\n{table(results)}\n"
    )


def main() -> None:
    """Run all cases in turn, and print and write the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fanout", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="only 10 ms, and to 5,000 at most")
    options = parser.parse_args()
    results: Results = defaultdict(list)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        app = cookiecutter(str(ROOT), no_input=True, output_dir=folder, default_config=True)
        certificate = make_certificate(Path(folder), "127.0.0.1")
        variables, run_ids = environment(Path(app), certificate), numbers()
        with serve(certificate) as url:
            for number in range(options.rounds):
                for case in cases(options.rounds, options.quick):
                    if number < case.rounds:
                        print(f"round {number + 1} of {options.rounds}: {case}", flush=True)
                        each = f"{url}/{next(run_ids)}-{case.latency}"
                        for call, figures in enumerate(run(case, each, variables)):
                            row = Row(case.sender, case.latency, call)
                            results[row, case.size].append(figures)
    text = report(results, options.rounds, load)
    if not options.quick:
        (HERE / "RESULTS.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()

"""Measure the fan-out beside what else posts to many connections; README.md says how."""

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

from benchmarks.fanout.serving import ROOT, environment, serving
from tests.certificates import make

HERE = Path(__file__).parent
PACKAGES = ["boto3", "botocore", "urllib3", "uvloop"]

SENDER_CORE = 0  # the stand-in has core 1
SECONDS = 120

LATENCIES = [1, 10, 30]
SIZES = [100, 1000, 5000, 20_000]

# Those that only wait are measured on as many as show their rate.
LOOP_SIZE = 100
BOTO3_TWICE_TO, BOTO3_ONE_ROUND_FROM = 1000, 20_000


class Case(NamedTuple):
    """One sender, in a process of its own: how often it sends, and in how many of the rounds."""

    sender: str
    latency: int
    size: int
    calls: int
    rounds: int


class Row(NamedTuple):
    """One row of the table; `call` is 0 without connections, 1 over those of the call before."""

    sender: str
    latency: int
    call: int


# Of each row and number of recipients, what every round measured.
Results = dict[tuple[Row, int], list[dict[str, float]]]


def cases(rounds: int, quick: bool) -> Iterator[Case]:
    """What a run is made of."""
    for latency in [10] if quick else LATENCIES:
        yield Case("loop", latency, LOOP_SIZE, 1, rounds)
        for size in SIZES[:-1] if quick else SIZES:
            if size < BOTO3_ONE_ROUND_FROM or latency == 10:
                calls = 2 if size <= BOTO3_TWICE_TO else 1
                often = rounds if size < BOTO3_ONE_ROUND_FROM else 1
                yield Case("boto3, 16 threads", latency, size, calls, often)
                yield Case("boto3, 32 threads", latency, size, calls, often)
            yield Case("ours", latency, size, 2, rounds)
            yield Case("floor", latency, size, 2, rounds)


def run(case: Case, url: str, variables: dict[str, str]) -> list[dict[str, float]]:
    """Measure a case; the stand-in must have heard each recipient once a call."""
    module = [sys.executable, "-m", "benchmarks.fanout.senders", str(SENDER_CORE)]
    command = [*module, case.sender, url, str(case.size), str(case.calls)]
    done = subprocess.run(
        command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, check=True, timeout=SECONDS
    )
    context = ssl.create_default_context(cafile=variables["AWS_CA_BUNDLE"])
    with urlopen(url, context=context) as answer:
        heard = json.load(answer)["recipients"]
    assert heard == {str(case.calls): case.size}, f"{case}: heard {heard}"
    figures: list[dict[str, float]] = json.loads(done.stdout)
    return figures


def table(results: Results) -> str:
    """The medians: deliveries a second, CPU a delivery, by how much the process grew."""
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
    """What the sender is held to, and how far it gets."""

    def ratio(figure: str, other: str, size: int, call: int = 0) -> float:
        # Of the same round: this machine is not as fast in each.
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
    """Both tables, with the machine and the versions that they are of."""
    found = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    machine = f"{os.cpu_count()} cores, {found[1] if found else platform.machine()}"
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"# Senders, side by side\n\nMedians of {rounds} rounds in one run, in turn, TLS on; each "
        f"sender in a process of its own on one core, the stand-in on another ({machine}; Python "
        f"{platform.python_version()}, {ssl.OPENSSL_VERSION}, {versions}). In each cell: "
        f"deliveries a second, CPU a delivery, by how much the process grew. *Again*: over the "
        f"connections of the call before. Ratios are of one round each. The machine's load was "
        f"{load:.1f} before it all. Made by `python -m benchmarks.fanout`.\n\n"
        f"{targets(results)}\n\n{table(results)}\n"
    )


def main() -> None:
    """Run all cases in turn, as often as asked, and print and write the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fanout", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="only 10 ms, and to 5,000 at most")
    options = parser.parse_args()
    results: Results = defaultdict(list)
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        app = cookiecutter(str(ROOT), no_input=True, output_dir=folder, default_config=True)
        certificate = make(Path(folder), "127.0.0.1")
        variables, run_ids = environment(Path(app), certificate), numbers()
        with serving(certificate) as url:
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

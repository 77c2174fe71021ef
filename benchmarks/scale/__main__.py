"""Compare the model with the app's code, and apply it to 10 million members.

The results are in RESULTS.md and plot.svg.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from dataclasses import replace
from math import inf, log10
from pathlib import Path

from cookiecutter.main import cookiecutter

from benchmarks.scale.measure import LIMIT, RPS
from benchmarks.scale.model import Plan, Times, million, reach

HERE = Path(__file__).parent
ROOT = HERE.parent.parent

CASES = [(400, 1, 1), (1000, 1, 1), (4000, 1, 1), (4000, 2, 1), (8000, 4, 4), (16_000, 4, 4)]

# The settings of each plan use all of its quota.
PLANS = {
    "one function": Plan(),
    "default quota: queue, 2 workers": Plan(limit=5000),
    "quota 50,000: 10 workers, 2 shards": Plan(50_000, 5000, 10, 2, 5000),
    "quota 250,000: 50 workers, 8 shards": Plan(250_000, 5000, 50, 8, 5000),
    "quota 1,000,000: 200 workers, 32 shards": Plan(1_000_000, 5000, 200, 32, 5000),
}
SIZES = [1_000, 10_000, 100_000, 1_000_000, 10_000_000]
COLOURS = ["#d62728", "#ff7f0e", "#2ca02c", "#1f77b4", "#9467bd"]


def measured() -> list[float]:
    """Return the seconds of each case, measured with the app's code."""
    with tempfile.TemporaryDirectory() as folder:
        app = cookiecutter(str(ROOT), no_input=True, output_dir=folder, default_config=True)
        command = [sys.executable, str(HERE / "measure.py"), json.dumps(CASES)]
        environment = {**os.environ, "PYTHONPATH": app}
        run = subprocess.run(command, cwd=app, env=environment, stdout=subprocess.PIPE, check=True)
    return [float(line) for line in run.stdout.splitlines()]


def duration(seconds: float) -> str:
    """Return a duration in words."""
    if seconds == inf:
        return "not all"
    return f"{seconds / 60:.0f} min" if seconds >= 180 else f"{seconds:.3g} s"


def plot() -> str:
    """Return the SVG: a line for each plan, seconds by members, both axes logarithmic."""
    width, height, left, top = 640, 380, 60, 20

    def x(members: float) -> float:
        return left + (log10(members) - 3) / 4 * (width - left - 45)

    def y(seconds: float) -> float:
        return top + (4 - log10(seconds)) / 5 * (height - top - 50)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for power in range(3, 8):
        at, label = x(10**power), f"{10**power:,}"
        lines.append(f'<path d="M{at} {top}V{y(0.1)}" stroke="#ddd"/>')
        lines.append(f'<text x="{at}" y="{height - 32}" text-anchor="middle">{label}</text>')
    for power in range(-1, 5):
        at, label = y(10**power), f"{10**power:g} s"
        lines.append(f'<path d="M{left} {at}H{x(1e7)}" stroke="#ddd"/>')
        lines.append(f'<text x="{left - 6}" y="{at + 4}" text-anchor="end">{label}</text>')
    for number, (name, plan) in enumerate(PLANS.items()):
        steps = [round(10 ** (3 + n / 20)) for n in range(81)]
        times = [(members, reach(members, plan, Times())) for members in steps]
        points = " ".join(f"{x(m):.1f},{y(max(s, 0.1)):.1f}" for m, s in times if s < inf)
        colour, at = COLOURS[number], top + 16 * (number + 1)
        lines.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        lines.append(f'<text x="{left + 12}" y="{at}" fill="{colour}">{name}</text>')
    middle = (left + x(1e7)) / 2
    lines.append(f'<text x="{middle}" y="{height - 10}" text-anchor="middle">members</text>')
    return "\n".join([*lines, "</svg>", ""])


def results() -> str:
    """Return the page with the results."""
    lines = [
        "# Delivery to large channels: results",
        "",
        f"Made by `python -m benchmarks.scale` ({os.cpu_count()} cores, {platform.machine()},"
        f" Python {platform.python_version()}); [README.md](README.md) explains the columns.",
        "",
        f"## On this machine: the model and the app's code, {RPS} messages/s for each worker,"
        f" FANOUT_LIMIT {LIMIT}",
        "",
        "| members | workers | shards | measured | model | difference |",
        "|---|---|---|---|---|---|",
    ]
    for (members, workers, shards), seconds in zip(CASES, measured(), strict=True):
        times = Times(queue=0.03, first_read=0, read=2e-6, connect=0.05, send=1 / 4000, ramp=False)
        model = reach(members, Plan(inf, RPS, workers, shards, LIMIT), times)
        cells = [f"{seconds:.2f} s", f"{model:.2f} s", f"{(model / seconds - 1) * 100:+.0f}%"]
        lines.append(f"| {members:,} | {workers} | {shards} | {' | '.join(cells)} |")
    lines += ["", "## On AWS: the model alone", "", "![Seconds by members](plot.svg)", ""]
    lines += ["| | " + " | ".join(f"{size:,}" for size in SIZES) + " |", "|---" * 6 + "|"]
    for name, plan in PLANS.items():
        row = [duration(reach(size, plan, Times())) for size in SIZES]
        lines.append(f"| {name} | " + " | ".join(row) + " |")
    dollars = million(1_000_000, PLANS["quota 50,000: 10 workers, 2 shards"], Times())
    lines += [
        "",
        "Dollars for a million delivered messages, in a channel of a million members:",
        "",
    ]
    lines += ["| " + " | ".join(dollars) + " |", "|---" * len(dollars) + "|"]
    lines += ["| " + " | ".join(f"{each:.4f}" for each in dollars.values()) + " |", ""]
    slow = replace(Times(), queue=0.5, first_read=0.2, read=1 / 20_000, connect=0.5)
    plan = PLANS["quota 250,000: 50 workers, 8 shards"]
    usual, worse = (duration(reach(1_000_000, plan, times)) for times in (Times(), slow))
    lines.append(
        f"With all assumptions about AWS three to ten times slower, a million members take {worse}"
        f" with 50 workers, instead of {usual}."
    )
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    (HERE / "RESULTS.md").write_text(results(), encoding="utf-8")
    (HERE / "plot.svg").write_text(plot(), encoding="utf-8")
    print((HERE / "RESULTS.md").read_text(encoding="utf-8"))

"""Compare the local gateway with serverless-offline; see README.md."""

import argparse
import asyncio
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median

from cookiecutter.main import cookiecutter

from benchmarks import revision
from benchmarks.gateway.load import Server, measure

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
BUILD = ROOT / "build" / "benchmark"
PEERS = ["osls@4", "serverless-offline@14", "@aws-sdk/client-apigatewaymanagementapi@3"]


def prepare() -> list[Server]:
    """Install serverless-offline, bake an app, and return the gateways to measure."""
    peers = BUILD / "serverless"
    shutil.copytree(HERE / "serverless", peers, dirs_exist_ok=True)
    if not (peers / "node_modules").exists():
        quiet = ["--no-audit", "--no-fund", "--legacy-peer-deps", "--silent"]
        subprocess.run(["npm", "install", *quiet, "--prefix", str(peers), *PEERS], check=True)
    generated = Path(
        cookiecutter(
            str(ROOT),
            no_input=True,
            output_dir=str(BUILD),
            overwrite_if_exists=True,
            accept_hooks=False,
            default_config=True,
        )
    )
    bare = BUILD / "bare"
    shutil.copytree(HERE / "chalice", bare, dirs_exist_ok=True)
    shutil.copytree(generated / "chalicelib", bare / "chalicelib", dirs_exist_ok=True)

    def ours(name: str, project: Path) -> Server:
        command = [
            sys.executable,
            "-m",
            "chalice_ws.local",
            "--port=8200",
            f"--project-dir={project}",
        ]
        return Server(name, "ws://127.0.0.1:8200/api", command, generated, BUILD / "store")

    def serverless(name: str, runtime: str) -> Server:
        ports = {"PORT": "8201", "HTTP_PORT": "8202", "LAMBDA_PORT": "8203"}
        keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
        python = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        command = ["node_modules/.bin/osls", "offline", "start"]
        environment = {**ports, **keys, **python, "RUNTIME": runtime}
        url = "ws://127.0.0.1:8201"
        return Server(name, url, command, peers, BUILD / "store", environment)

    return [
        ours("ours, bare handlers", bare),
        serverless("serverless-offline, Python", f"python3.{sys.version_info.minor}"),
        serverless("serverless-offline, JavaScript in process", "nodejs20.x"),
        ours("ours, the generated app with its table", generated),
    ]


def table(results: dict[str, list[dict[str, float | str]]]) -> str:
    """Return a table of medians, with the ratio of each to the first column."""
    names = list(results)
    rows = []
    for figure in dict.fromkeys(key for runs in results.values() for run in runs for key in run):
        found = {name: [run[figure] for run in results[name] if figure in run] for name in names}
        cells, ours = [], None
        for name in names:
            numbers = [each for each in found[name] if isinstance(each, float)]
            if not numbers:
                cells.append("; ".join(map(str, found[name])) or "-")
                continue
            value = median(numbers)
            ours = ours or value
            cells.append(f"{value:,.4g}" + (f" ({value / ours:.2g}x)" if name != names[0] else ""))
        rows.append([figure, *cells])
    lines = [["", *names], ["---"] * (len(names) + 1), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    """Measure all gateways in turn, as many rounds as asked, and write the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateway", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="(default: %(default)s)")
    options = parser.parse_args()
    servers = prepare()
    results: dict[str, list[dict[str, float | str]]] = {each.name: [] for each in servers}
    for number in range(options.rounds):
        for server in servers:
            print(f"round {number + 1} of {options.rounds}: {server.name}", flush=True)
            results[server.name].append(asyncio.run(measure(server)))
        text = report(results)
        (HERE / "RESULTS.md").write_text(text)
    print(text)


def report(results: dict[str, list[dict[str, float | str]]]) -> str:
    """Return the table, with the machine and the versions."""
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    machine = f"{os.cpu_count()} cores, {platform.machine()}"
    versions = f"Python {platform.python_version()}, Node {node.strip()}, {', '.join(PEERS)}"
    rounds = len(next(iter(results.values())))
    return (
        f"# Gateways, side by side\n\nMedians of {rounds} rounds in one run, in turn, on "
        f"one machine ({machine}; client and server share it); {versions}. In brackets: how many "
        f"times the first column. Made by `python -m benchmarks.gateway`, {revision()}.\n\n"
        f"{table(results)}\n"
    )


if __name__ == "__main__":
    main()

"""The README's commands on a machine with a proxy that does not answer, and without NO_PROXY."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.local.gateway import Gateway
from tests.template.test_app import IN_THIS_ENVIRONMENT
from tests.template.test_readme import examples

# No server listens on port 9. websockets has no SOCKS without another package.
PROXY = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "HTTPS_PROXY": "http://127.0.0.1:9",
    "ALL_PROXY": "socks5h://127.0.0.1:9",
}


@pytest.fixture
def environment() -> dict[str, str]:
    """The variables of a machine with a proxy alone, in both cases as most offices set them."""
    own = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("AWS_") and name.lower() != "no_proxy"
    }
    return {**own, **PROXY, **{name.lower(): value for name, value in PROXY.items()}}


@contextmanager
def make_run(
    app: Path, environment: dict[str, str], printed: Path, target: str = "run"
) -> Iterator[Gateway]:
    """Run `make run`, or another target that runs an app, on a free port."""
    with printed.open("wb") as output:
        process = subprocess.Popen(
            ["make", target, "PORT=0", *IN_THIS_ENVIRONMENT],
            cwd=app,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Gateway(process, app, printed)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture
def gateway(app: Path, environment: dict[str, str], tmp_path: Path) -> Iterator[Gateway]:
    """The README's `make run` behind the proxy."""
    with make_run(app, environment, tmp_path / "printed.txt") as running:
        yield running


def test_commands_of_run_the_app_work_as_printed(
    app: Path, gateway: Gateway, environment: dict[str, str]
) -> None:
    section = (app / "README.md").read_text().partition("## Run the app")[2].partition("\n## ")[0]
    run, connect, *frames = re.findall(r"^    (\S.*)$", section, re.MULTILINE)
    assert run == "make run"
    with subprocess.Popen(
        [*connect.split(), f"PORT={gateway.port}", *IN_THIS_ENVIRONMENT],
        cwd=app,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline().startswith(f"Connected to {gateway.url}")
        assert len(frames) == 2
        for frame in frames:
            process.stdin.write(f"{frame}\n")
            process.stdin.flush()
            reply = json.loads(process.stdout.readline().removeprefix("< "))
            assert (reply["id"], reply["type"]) == (
                json.loads(frame)["id"],
                json.loads(frame)["action"],
            )
        process.stdin.close()
        assert process.stdout.readline() == "Closed: 1000\n"
    assert process.returncode == 0


def test_connect_in_an_ascii_locale_with_strict_warnings_sends_any_text(
    app: Path, gateway: Gateway, environment: dict[str, str]
) -> None:
    strict = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONWARNINGS": "error"}
    with subprocess.Popen(
        ["make", "connect", f"PORT={gateway.port}", *IN_THIS_ENVIRONMENT],
        cwd=app,
        env={**environment, **strict, "PYTHONCOERCECLOCALE": "0"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        process.stdin.write('{"action": "echo", "data": "h\u00e9\u4f60"}\n')
        process.stdin.flush()
        assert process.stdout.readline() == '< {"type":"echo","data":"h\u00e9\u4f60"}\n'
        # The app ends without a word.
        os.killpg(gateway.pid, signal.SIGKILL)
        assert process.stdout.readline() == "Closed: 1006\n"
    assert process.returncode == 0


def test_message_from_another_process_arrives_behind_a_proxy(
    app: Path, gateway: Gateway, environment: dict[str, str]
) -> None:
    script = examples(app)[-1].replace("http://127.0.0.1:8000", gateway.page.rstrip("/"))
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert '"delivered": 0' in done.stdout, done.stderr


@pytest.mark.full
def test_tests_of_the_app_pass_behind_a_proxy(app: Path, environment: dict[str, str]) -> None:
    """The end-to-end tests start servers and clients of all kinds."""
    tests = ["-p", "no:cacheprovider", "tests/app/test_conversation.py", "tests/engine/delivery"]
    command = [sys.executable, "-B", "-m", "pytest", *tests]
    done = subprocess.run(command, cwd=app, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_commands_of_the_documents_reach_this_machine_directly(app: Path) -> None:
    documents = [
        ROOT / "README.md",
        *ROOT.glob("docs/*.md"),
        app / "README.md",
        *sorted((app / "docs").glob("*.md")),
    ]
    pattern = re.compile(r"^```\w*\n(?:.*\n)*?```|^ {4}\S.*$", re.MULTILINE)
    blocks = [block for path in documents for block in pattern.findall(path.read_text())]
    # A block of text is what a command prints.
    code = [re.sub(r" # .*", "", each) for each in blocks if not each.startswith("```text")]
    found = [block for block in code if re.search(r"127\.0\.0\.1|localhost", block)]
    assert found
    assert [each for each in found if not re.search(r"--noproxy|proxies=\{}", each)] == []


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("ws://127.0.0.1:{port}/nowhere", "HTTP 403: Forbidden; use ws://127.0.0.1:{port}/api)"),
        ("ws://127.0.0.1:9/api", "start the app"),
        ("http://x", "start the app"),
    ],
)
def test_connect_to_a_wrong_address_is_one_line(
    app: Path, gateway: Gateway, url: str, told: str
) -> None:
    address = url.format(port=gateway.port)
    command = [sys.executable, "-B", "-m", "chalice_ws", "connect", address]
    done = subprocess.run(command, cwd=app, capture_output=True, text=True, input="")
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: cannot connect to {address} (got ")
    assert told.format(port=gateway.port) in line


def test_commands_that_start_an_app_run_it(
    template: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    """The first commands of docs/start.md, in a checkout, behind a proxy that does not answer."""
    checkout = shutil.copytree(template, tmp_path / "a checkout" / "template")
    text = (checkout / "docs" / "start.md").read_text()
    block = re.findall(r"^    (\S.*)$", text.partition("## ")[0], re.MULTILINE)
    generate, change_folder, run = block
    command = generate.removeprefix("pipx run ").split()
    assert command[0] == "cookiecutter"
    done = subprocess.run(
        [sys.executable, "-B", "-m", *command, "--no-input"],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    app = (checkout / change_folder.removeprefix("cd ")).resolve()
    assert f"Next: {change_folder.replace('../', '')}" in done.stdout
    assert run == "make run"
    with make_run(app, environment, tmp_path / "printed.txt") as gateway:
        assert b"<html" in gateway.http("GET", "/").body


def test_demo_of_the_templates_readme_runs_an_app(
    template: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    checkout = shutil.copytree(template, tmp_path / "checkout")
    commands = re.findall(r"^    make (\w+)", (checkout / "README.md").read_text(), re.MULTILINE)
    assert commands == ["demo", "test"]
    with make_run(checkout, environment, tmp_path / "printed.txt", commands[0]) as gateway:
        assert b"<html" in gateway.http("GET", "/").body

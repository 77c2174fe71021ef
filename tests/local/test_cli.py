"""The command line: an error is one line on stderr."""

import socket
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest

from tests.local.gateway import APPS, SECONDS, command
from tests.local.machine import environment

# With reload the gateway waits for a change of the app.
NO_RELOAD = "--workers=0"


def run(app: Path, project: Path, tmp: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a gateway that must end by itself."""
    return subprocess.run(
        command(project, *options),
        cwd=app,
        env=environment(tmp),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def fail(app: Path, project: Path, tmp: Path, *options: str) -> tuple[list[str], str]:
    """Run a gateway that must fail; return the lines of its stderr, and its stdout."""
    done = run(app, project, tmp, *options)
    assert done.returncode > 0, done
    return done.stderr.splitlines(), done.stdout


def error_line(app: Path, project: Path, tmp: Path, *options: str) -> str:
    """Run a gateway that must fail with one line on stderr; return the line."""
    lines, printed = fail(app, project, tmp, *options)
    assert len(lines) == 1, lines
    assert lines[0].startswith("error: ")
    assert "Traceback" not in printed
    return lines[0]


def test_busy_port_is_an_error(app: Path, tmp_path: Path) -> None:
    project = copytree(APPS / "bare", tmp_path / "bare")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = error_line(app, project, tmp_path, f"--port={port}")
    assert str(port) in line


def test_busy_port_of_ipv6_is_an_error(app: Path, tmp_path: Path) -> None:
    project = copytree(APPS / "bare", tmp_path / "bare")
    try:
        taken = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        # A machine without IPv6 cannot have this error.
        return
    with taken:
        port = taken.getsockname()[1]
        line = error_line(app, project, tmp_path, f"--port={port}")
    assert f"::1:{port}" in line


def test_folder_without_app_is_an_error(app: Path, tmp_path: Path) -> None:
    project = tmp_path / "empty"
    project.mkdir()
    assert str(project) in error_line(app, project, tmp_path)


def test_missing_app_py_is_an_error(app: Path, tmp_path: Path) -> None:
    project = copytree(APPS / "bare", tmp_path / "bare")
    (project / "app.py").unlink()
    lines, _ = fail(app, project, tmp_path, NO_RELOAD)
    assert lines[-1].startswith("error: ")
    assert "app.py" in lines[-1]


def test_app_that_does_not_import_is_an_error(app: Path, tmp_path: Path) -> None:
    project = copytree(APPS / "failing", tmp_path / "failing")
    lines, _ = fail(app, project, tmp_path, NO_RELOAD)
    assert lines[-1].startswith("error: ")
    assert "no luck today" in lines[-1]
    assert "app.py" in lines[-1]


@pytest.mark.parametrize(
    ("name", "option", "told"),
    [
        ("unflagged", NO_RELOAD, "WEBSOCKETS"),
        ("broken", "--stage=dev", "config.json"),
        ("silent", "--stage=nowhere", "nowhere"),
    ],
)
def test_app_that_cannot_be_served_is_an_error(
    app: Path, tmp_path: Path, name: str, option: str, told: str
) -> None:
    project = copytree(APPS / name, tmp_path / name)
    assert told in error_line(app, project, tmp_path, option)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--workers", "-1"),
        ("--idle-timeout", "0"),
        ("--max-duration", "soon"),
        ("--integration-timeout", "nan"),
        ("--latency", "x"),
        ("--throttle", "1.5"),
        ("--database", "127.0.0.1:8001"),
        ("--allow-origin", "localhost:5173"),
        ("--allow-origin", "http://localhost:5173/page"),
    ],
)
def test_wrong_value_is_an_error(app: Path, tmp_path: Path, option: str, value: str) -> None:
    done = run(app, APPS / "bare", tmp_path, option, value)
    assert (done.returncode, done.stdout) == (2, "")
    # argparse writes the usage first.
    (line,) = [line for line in done.stderr.splitlines() if "error:" in line]
    assert line == done.stderr.splitlines()[-1]
    assert f"argument {option}: not a" in line
    assert f"(got '{value}'); use " in line


@pytest.mark.parametrize(
    ("code", "prog"),
    [
        ("main(['--help'])", "python -m chalice_ws.local"),
        ("main(['--help'], prog='chalice-ws local')", "chalice-ws local"),
    ],
)
def test_help_names_the_command(app: Path, tmp_path: Path, code: str, prog: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"from chalice_ws.local.cli import main; {code}"],
        cwd=app,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    assert done.stdout.startswith(f"usage: {prog} [-h]")

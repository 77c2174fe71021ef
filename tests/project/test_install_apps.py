"""Apps as people have them, run by the toolkit that pip has installed into their environment."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from os import killpg
from pathlib import Path
from shutil import copytree

import pytest

from tests.installing import pip_install
from tests.local.gateway import APPS, Gateway, ask, client
from tests.local.machine import environment
from tests.local.test_rest import call, value

pytestmark = pytest.mark.full


def install(folder: Path, *packages: str) -> Path:
    """Install packages into a new environment; return the folder of its commands."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    pip_install(python, *packages, env=environment(folder))
    return python.parent


@pytest.fixture(scope="module")
def commands(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The commands of an environment with the toolkit and its dependencies, and nothing else."""
    return install(tmp_path_factory.mktemp("venv"), str(template))


@contextmanager
def local(commands: Path, name: str, tmp: Path, folder: str = "") -> Iterator[Gateway]:
    """Run `chalice-ws local` in the folder of an app."""
    project = copytree(APPS / name, tmp / name) / folder
    printed = tmp / "printed.txt"
    with printed.open("wb") as output:
        process = subprocess.Popen(
            [str(commands / "chalice-ws"), "local", "--port=0"],
            cwd=project,
            env=environment(tmp),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Gateway(process, project, printed)
    finally:
        with suppress(ProcessLookupError):
            killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_environment_has_no_package_of_the_tests(commands: Path) -> None:
    code = "import chalice_ws, chalice, boto3, moto; import pytest"
    done = subprocess.run([commands / "python", "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == "ModuleNotFoundError: No module named 'pytest'"


def test_chat_runs(commands: Path, tmp_path: Path) -> None:
    with local(commands, "rooms", tmp_path) as gateway, client(gateway.url) as guest:
        assert ask(guest, "/name Ann") == "you are Ann"
        assert ask(guest, "/enter tea") == "Ann enters"


def test_orders_run(commands: Path, tmp_path: Path) -> None:
    with local(commands, "orders", tmp_path) as gateway, client(gateway.url) as guest:
        kind = {"Content_Type": "application/json"}
        order = value(call(gateway, "POST", "/orders", b'{"item": "tea"}', **kind))["id"]
        watching = json.loads(ask(guest, json.dumps({"order": order})))
        assert watching == {"watching": order}
        assert json.loads(guest.recv(120)) == {"order": order, "state": "ready"}
        # The command that the gateway prints works as it is.
        gateway.prints(f"run it with chalice-ws invoke clean --port {gateway.port}\n")
        command = [str(commands / "chalice-ws"), "invoke", "clean", f"--port={gateway.port}"]
        done = subprocess.run(
            command, cwd=gateway.project, env=environment(tmp_path), capture_output=True, text=True
        )
        assert (done.returncode, json.loads(done.stdout)) == (0, {"deleted": 1})


def test_blueprints_run(commands: Path, tmp_path: Path) -> None:
    with local(commands, "blueprints", tmp_path) as gateway, client(gateway.url) as guest:
        assert ask(guest, "hello") == "echo hello"
        assert value(call(gateway, "GET", "/items?tag=a")) == {"tags": ["a"]}


def test_notifications_run(commands: Path, tmp_path: Path) -> None:
    with local(commands, "alerts", tmp_path) as gateway, client(gateway.url) as guest:
        assert json.loads(ask(guest, '{"topics": ["Fire"]}')) == {"subscribed": ["Fire"]}
        kind = {"Content_Type": "application/json"}
        answer = call(gateway, "POST", "/alarms/Fire", b"{}", **kind)
        assert value(answer) == {"delivered": 1}


def test_dashboard_runs(commands: Path, tmp_path: Path) -> None:
    with local(commands, "dashboard", tmp_path) as gateway, client(gateway.url) as guest:
        headers = {"Content_Type": "application/vnd.readings", "X_Device_Key": "k-1"}
        answer = call(gateway, "POST", "/readings/oven", b"\0\0\x80?", **headers)
        assert value(answer) == {"count": 1, "shown": 1}
        assert guest.recv(120) == "oven: 1.0"


def test_powertools_run(template: Path, tmp_path: Path) -> None:
    packages = (APPS / "powertools" / "requirements.txt").read_text().split()
    commands = install(tmp_path / "venv", str(template), *packages)
    with local(commands, "powertools", tmp_path) as gateway, client(gateway.url) as guest:
        assert ask(guest, "hello") == "hello"
        assert value(call(gateway, "GET", "/who/ann", User_Agent="tests")) == {
            "ip": "127.0.0.1",
            "stage": "api",
            "agent": "tests",
            "path": "/who/ann",
        }
        result = json.loads(gateway.invoke("job", {}).body)
        assert result["name"] == "powertools-dev-job"
        # The log line and the metric are JSON with the name of the function.
        gateway.prints('"function_name":"powertools-dev-websocket_message"')
        gateway.prints('"Namespace":"tests"')

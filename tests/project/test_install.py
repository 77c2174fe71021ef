"""The package chalice-ws, installed from a checkout, with an app that is not from the template."""

import json
import re
import shutil
import site
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import RAW, ROOT
from tests.installing import pip_install
from tests.local.gateway import client
from tests.local.machine import environment
from tests.project.output import without_python_warning

pytestmark = pytest.mark.full

APP = '''
"""An echo, as in Chalice's tutorial."""

from boto3.session import Session
from chalice import Chalice

app = Chalice(app_name="tutorial")
app.websocket_api.session = Session()
app.experimental_feature_flags.update(["WEBSOCKETS"])


@app.on_ws_message()
def message(event):
    app.websocket_api.send(event.connection_id, event.body)
'''

CONFIG = {"version": "2.0", "app_name": "tutorial", "stages": {"dev": {"api_gateway_stage": "api"}}}


@pytest.fixture(scope="module")
def command(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command chalice-ws in a fresh environment that has only the toolkit's dependencies."""
    folder = tmp_path_factory.mktemp("venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    (packages,) = folder.glob("lib/*/site-packages")
    # The dependencies are here already: pip finds them by this file, and downloads none.
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()))
    printed = pip_install(python, str(template), env=environment(folder))
    assert "Installing collected packages: chalice-ws\n" in printed, printed
    return folder / "bin" / "chalice-ws"


@pytest.fixture
def tutorial(tmp_path: Path) -> Path:
    """An app of one handler, with the settings that `chalice new-project` writes."""
    project = tmp_path / "tutorial"
    (project / ".chalice").mkdir(parents=True)
    (project / "app.py").write_text(APP)
    (project / ".chalice" / "config.json").write_text(json.dumps(CONFIG))
    return project


def run(command: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the installed command."""
    return subprocess.run(
        [str(command), *arguments], cwd=cwd, env=environment(cwd), capture_output=True, text=True
    )


@pytest.fixture
def address(command: Path, tutorial: Path) -> Iterator[str]:
    """The WebSocket address of the app, run by the installed command."""
    with subprocess.Popen(
        [str(command), "local", "--port=0", f"--project-dir={tutorial}"],
        cwd=tutorial.parent,
        env=environment(tutorial.parent),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                if found := re.search(r"ws://\S+", line):
                    yield found[0]
                    break
            else:
                pytest.fail("the command printed no address")
        finally:
            process.terminate()


def test_dependencies_equal_the_generated_apps() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    (listed,) = re.findall(r"^dependencies = \[(.*?)^\]", project, re.DOTALL | re.MULTILINE)
    dependencies = set(re.findall('"(.*)"', listed))
    assert "chalice==1.34.0" in dependencies
    assert dependencies <= set((RAW / "requirements-dev.txt").read_text().splitlines())


def test_help_names_the_commands(command: Path, tmp_path: Path) -> None:
    done = run(command, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert re.search(r"local +run an app", done.stdout)
    assert re.search(r"check +check an app", done.stdout)
    assert "--project-dir" in run(command, "check", "--help", cwd=tmp_path).stdout
    assert "--project-dir" in run(command, "local", "--help", cwd=tmp_path).stdout


def test_installed_package_brings_nothing_of_the_template(command: Path) -> None:
    (packages,) = command.parent.parent.glob("lib/*/site-packages")
    folders = {path.name.partition("-")[0] for path in packages.iterdir() if path.is_dir()}
    assert folders - {"__pycache__"} == {"chalice_ws"}


def test_local_with_another_app_answers_a_client(address: str) -> None:
    with client(address) as guest:
        guest.send("hello")
        assert guest.recv(60) == "hello"


def test_check_with_another_app_reports_only_faults(command: Path, tutorial: Path) -> None:
    done = run(command, "check", f"--project-dir={tutorial}", cwd=tutorial.parent)
    assert (done.returncode, without_python_warning(done.stderr)) == (0, [])
    config = {**CONFIG, "lambda_timeuot": 29}
    (tutorial / ".chalice" / "config.json").write_text(json.dumps(config))
    done = run(command, "check", cwd=tutorial)
    assert done.returncode == 1
    assert "Chalice ignores lambda_timeuot; use lambda_timeout" in done.stderr


def test_check_without_app_says_so(command: Path, tmp_path: Path) -> None:
    done = run(command, "check", cwd=tmp_path)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: the folder is not a Chalice app")


def test_toolkit_in_place_equals_the_installed_one(command: Path) -> None:
    assert shutil.which("chalice-ws", path=str(command.parent))
    (packages,) = command.parent.parent.glob("lib/*/site-packages")
    for path in (RAW / "chalice_ws").rglob("*.py"):
        installed = packages / path.relative_to(RAW)
        assert installed.read_bytes() == path.read_bytes()

"""Environments that people have when they run make: old, missing, moved or odd Pythons and pips.

`make install` installs one small package from a file, so that no network is needed.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import RAW

PYTHON = Path(sys.executable)

# Stands for all requirements. It has the name of the package that install.sh looks for.
WHEEL = "chalice-1.0-py3-none-any.whl"
METADATA = {
    "chalice.py": "def main():\n    print('chalice runs')\n",
    "chalice-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: chalice\nVersion: 1.0\n",
    "chalice-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "chalice-1.0.dist-info/entry_points.txt": "[console_scripts]\nchalice = chalice:main\n",
    "chalice-1.0.dist-info/RECORD": "",
}

# Programs that the Makefile uses, beside Python.
PROGRAMS = ["awk", "cat", "cksum", "head", "make", "rm", "sh"]

OLD = "sys.version, sys.version_info = '3.9.18 (main)', (3, 9, 18)"
WITHOUT_VENV = "sys.modules['ensurepip'] = None"

# Stands for uv. An environment without pip is made in a tenth of the time.
UV = """#!/bin/sh
echo "uv $1 $2" >>"$PWD/uv.txt"
[ "$UV_FAILS" = "$1" ] && exit 2
case $1 in
venv) for last; do :; done; exec {python} -m venv --without-pip "$last" ;;
pip) exec {python} -m pip --python "$4" install -r "$6" ;;
esac
"""

Make = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the generated app's Makefile, and with one requirement."""
    folder = tmp_path / "the app's folder"
    (folder / "chalice_ws").mkdir(parents=True)
    shutil.copy(RAW / "Makefile", folder)
    shutil.copy(RAW / "chalice_ws" / "install.sh", folder / "chalice_ws")
    wheel = folder / WHEEL
    with zipfile.ZipFile(wheel, "w") as file:
        for name, content in METADATA.items():
            file.writestr(name, content)
    (folder / "requirements.txt").write_text("")
    (folder / "requirements-dev.txt").write_text(f"-r requirements.txt\n./{WHEEL}\n")
    return folder


@pytest.fixture
def make(project: Path) -> Make:
    """A function that runs `make install` with variables of make and of the environment."""

    def run(*variables: str, **environment: str) -> subprocess.CompletedProcess[str]:
        own = {name: os.environ[name] for name in ("HOME", "PATH")}
        # uv of this machine is not in the tests.
        folders = own["PATH"].split(os.pathsep)
        own["PATH"] = os.pathsep.join(each for each in folders if not Path(each, "uv").exists())
        return subprocess.run(
            ["make", "install", *variables],
            cwd=project,
            env={**own, "PIP_NO_INDEX": "1", **environment},
            capture_output=True,
            text=True,
        )

    return run


@pytest.fixture
def path_with_uv(tmp_path: Path) -> str:
    """A PATH on which uv is found."""
    uv = tmp_path / "with uv" / "uv"
    uv.parent.mkdir()
    uv.write_text(UV.format(python=PYTHON))
    uv.chmod(0o755)
    return f"{uv.parent}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture
def made(project: Path, make: Make, path_with_uv: str) -> Path:
    """An environment, complete."""
    done = make(f"PYTHON={PYTHON}", PATH=path_with_uv)
    assert done.returncode == 0, done.stderr
    return project / ".venv"


def fake_python(path: Path, statement: str) -> Path:
    """Write a Python that runs a statement before the code of its option -c."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        f'#!/bin/sh\n[ "$1" = -c ] || exec {PYTHON} "$@"\n'
        f'code="import sys\n{statement}\n$2"\nexec {PYTHON} -c "$code"\n'
    )
    path.chmod(0o755)
    return path


def error_of(done: subprocess.CompletedProcess[str]) -> str:
    """Return the one line that a failed make prints, beside make's own."""
    assert done.returncode == 2, done.stdout
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("make: ***")]
    assert line.startswith("error: ")
    return line


def assert_complete(environment: Path) -> None:
    """Check that the environment's Python and its scripts run."""
    for command in (
        [environment / "bin/python", "-c", "import chalice"],
        [environment / "bin/chalice"],
    ):
        subprocess.run([str(part) for part in command], check=True, capture_output=True)


@pytest.mark.full
def test_first_install_makes_the_environment_and_second_does_nothing(
    project: Path, make: Make
) -> None:
    first = make(f"PYTHON={PYTHON}")
    assert (first.returncode, first.stderr) == (0, "")
    assert_complete(project / ".venv")
    again = make("PYTHON=/nowhere/python3")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


@pytest.mark.full
def test_changed_requirements_are_installed(made: Path, make: Make) -> None:
    """The environment has no pip at first."""
    (made.parent / "requirements.txt").write_text("nothing-of-this-name")
    done = make()
    assert "pip has not installed requirements-dev.txt" in done.stderr
    (made.parent / "requirements.txt").write_text("# nothing\n")
    done = make("PYTHON=/nowhere/python3")
    assert (done.returncode, done.stderr) == (0, "")
    assert_complete(made)


def test_python_too_old_is_one_line_and_makes_nothing(
    project: Path, make: Make, tmp_path: Path
) -> None:
    old = fake_python(tmp_path / "python3", OLD)
    line = error_of(make(f"PYTHON={old}"))
    assert f"Python is too old (got 3.9.18, {old}); use 3.10 or newer: make PYTHON=python3." in line
    assert not (project / ".venv").exists()


def test_python_too_old_leaves_a_broken_environment_as_it_is(
    project: Path, make: Make, tmp_path: Path
) -> None:
    gone = project / ".venv" / "bin" / "python"
    gone.parent.mkdir(parents=True)
    gone.symlink_to("/nowhere/python3")
    (project / ".venv" / "pyvenv.cfg").write_text("home = /nowhere\n")
    error_of(make(f"PYTHON={fake_python(tmp_path / 'python3', OLD)}"))
    assert gone.is_symlink()


def test_python_missing_is_one_line(project: Path, make: Make) -> None:
    line = error_of(make("PYTHON=python3.99"))
    assert "Python does not run (got PYTHON=python3.99); install Python 3.10 or newer" in line
    assert not (project / ".venv").exists()


def test_python_without_venv_is_one_line(project: Path, make: Make, tmp_path: Path) -> None:
    line = error_of(make(f"PYTHON={fake_python(tmp_path / 'python3', WITHOUT_VENV)}"))
    assert "apt install python3-venv" in line
    assert not (project / ".venv").exists()


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder with the programs that make needs, and no Python."""
    folder = tmp_path / "programs"
    folder.mkdir()
    for name in PROGRAMS:
        found = shutil.which(name)
        assert found, name
        (folder / name).symlink_to(found)
    return folder


def test_no_python_at_all_is_one_line(make: Make, programs: Path) -> None:
    assert "Python does not run (got PYTHON=python3)" in error_of(make(PATH=str(programs)))


@pytest.mark.full
def test_python_of_the_name_python_is_found(project: Path, make: Make, programs: Path) -> None:
    fake_python(programs / "python", "pass")
    done = make(PATH=str(programs))
    assert done.returncode == 0, done.stderr
    assert_complete(project / ".venv")


def replace_python(environment: Path) -> None:
    """Make the environment's Python a link to one that is gone, as an upgrade does."""
    for path in (environment / "bin").glob("python*"):
        path.unlink()
        path.symlink_to("/nowhere/python3.9")


def age_python(environment: Path) -> None:
    """Make the environment's Python too old."""
    (environment / "bin" / "python").unlink()
    fake_python(environment / "bin" / "python", OLD)


def move_machine(environment: Path) -> None:
    """Change the record of the environment to that of another machine."""
    record = environment / "installed"
    record.write_text(record.read_text().replace(os.uname().machine, "pdp11"))


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(replace_python, marks=pytest.mark.full),
        pytest.param(age_python, marks=pytest.mark.full),
        pytest.param(move_machine, marks=pytest.mark.full),
    ],
)
def test_environment_that_cannot_be_used_is_made_anew(
    made: Path, make: Make, path_with_uv: str, edit: Callable[[Path], None]
) -> None:
    (made / "bin" / "left-over").touch()
    edit(made)
    done = make(f"PYTHON={PYTHON}", PATH=path_with_uv)
    assert (done.returncode, done.stderr) == (0, "")
    assert not (made / "bin" / "left-over").exists()
    assert_complete(made)


@pytest.mark.full
def test_install_with_carriage_returns_and_empty_values_succeeds(project: Path, make: Make) -> None:
    """A zip that was unpacked on Windows has them, and a script may leave variables empty."""
    for name in ("Makefile", "chalice_ws/install.sh", "requirements-dev.txt"):
        path = project / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    done = make(f"PYTHON={PYTHON}", "VENV=", STAGE="", PORT="")
    assert (done.returncode, done.stderr) == (0, "")
    # The install says what it does.
    assert done.stdout.splitlines()[:2] == ["Installing into .venv ...", f"  ./{WHEEL}"]
    assert_complete(project / ".venv")
    assert make("STAGE=", "-n", "url").stdout.count("--stage dev") == 1


@pytest.mark.parametrize(
    "fails",
    ["nothing", *(pytest.param(each, marks=pytest.mark.full) for each in ("venv", "pip"))],
)
def test_uv_is_used_where_it_is_installed(
    project: Path, make: Make, path_with_uv: str, fails: str
) -> None:
    done = make(f"PYTHON={PYTHON}", PATH=path_with_uv, UV_FAILS=fails)
    assert done.returncode == 0, done.stderr
    assert (project / "uv.txt").read_text() == "uv venv --quiet\nuv pip install\n"
    assert_complete(project / ".venv")
    assert make(PATH=path_with_uv).stdout == ""


@pytest.mark.full
def test_environment_in_a_moved_folder_is_made_anew(made: Path, project: Path) -> None:
    moved = project.rename(project.with_name("moved"))
    command = ["make", "install", f"PYTHON={PYTHON}"]
    subprocess.run(command, cwd=moved, env={**os.environ, "PIP_NO_INDEX": "1"}, check=True)
    assert_complete(moved / ".venv")


@pytest.mark.full
def test_environment_of_the_owners_is_kept(project: Path, make: Make) -> None:
    """The environment has no pip, as uv makes them."""
    own = project / "own env"
    subprocess.run([str(PYTHON), "-m", "venv", "--without-pip", str(own)], check=True)
    (own / "mine").touch()
    (own / "bin" / "mine").touch()
    # An earlier version of the Makefile left an empty file.
    (own / "installed").touch()
    done = make("VENV=own env", "PYTHON=/nowhere/python3")
    assert done.returncode == 0, done.stderr
    assert (own / "mine").exists()
    assert (own / "bin" / "mine").exists()
    assert_complete(own)


# What offices and teachers set. Each of pip's and Python's alone would lead the install astray.
SETTINGS = {
    "PIP_USER": "1",
    "PIP_TARGET": "/nowhere/target",
    "PIP_PREFIX": "/nowhere/prefix",
    "PIP_REQUIRE_VIRTUALENV": "1",
    "PYTHONHOME": "/nowhere",
    "PYTHONWARNINGS": "error",
    "MAKEFLAGS": "-j8 --no-print-directory -s",
}


@pytest.mark.full
def test_install_with_settings_of_the_machine_succeeds(
    project: Path, make: Make, tmp_path: Path
) -> None:
    config = tmp_path / "pip.conf"
    config.write_text("[global]\nuser = true\nrequire-virtualenv = true\n")
    done = make(f"PYTHON={PYTHON}", PIP_CONFIG_FILE=str(config), **SETTINGS)
    assert done.returncode == 0, done.stderr
    assert_complete(project / ".venv")
    assert make(**SETTINGS).stdout == ""


@pytest.mark.full
def test_pip_conf_with_another_target_is_an_error(make: Make, tmp_path: Path) -> None:
    config = tmp_path / "pip.conf"
    config.write_text(f"[global]\ntarget = {tmp_path}/target\n")
    line = error_of(make(f"PYTHON={PYTHON}", PIP_CONFIG_FILE=str(config)))
    assert "remove target and prefix from its settings" in line


@pytest.mark.full
def test_install_with_pythonpath_of_another_package_succeeds(
    project: Path, make: Make, tmp_path: Path
) -> None:
    (tmp_path / "chalice.py").write_text("raise RuntimeError('of another environment')")
    (tmp_path / "venv.py").write_text("raise RuntimeError('of another environment')")
    done = make(f"PYTHON={PYTHON}", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert_complete(project / ".venv")

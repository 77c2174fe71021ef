"""The zip of a stage: its files, their modes, and the same bytes on each machine."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.deploy.aws.account import OFFLINE

LEFT_BY_OTHERS = [
    ".DS_Store",
    ".env",
    ".env.local",
    ".idea/workspace.xml",
    ".vscode/settings.json",
    "__pycache__/old.cpython-310.pyc",
    "actions.py~",
    "old.pyc",
    ".actions.py.swp",
]


def package(app: Path, umask: int) -> Path:
    """Package the stage dev in a process with a umask. Return the path of the zip."""
    script = f"import os; os.umask({umask}); import runpy, sys; sys.argv[1:] = ['package']; "
    command = [sys.executable, "-B", "-c", f"{script}runpy.run_module('chalice_ws.deploy')"]
    command[-1] = command[-1].replace("deploy')", "deploy', run_name='__main__')")
    done = subprocess.run(command, cwd=app, env=OFFLINE.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return app / "build" / "dev" / "deployment.zip"


@pytest.mark.full
def test_zip_has_same_bytes_for_other_umask_times_and_extra_files(
    app: Path, tmp_path: Path
) -> None:
    first = Path(shutil.copytree(app, tmp_path / "first"))
    second = Path(shutil.copytree(app, tmp_path / "second"))
    for path in second.rglob("*.py"):
        path.chmod(0o600)
        os.utime(path, (1_500_000_000, 1_500_000_000))
    for name in LEFT_BY_OTHERS:
        path = second / "chalicelib" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    archive = package(first, 0o022)
    assert package(second, 0o077).read_bytes() == archive.read_bytes()
    with ZipFile(archive) as content:
        members = content.infolist()
    assert {member.external_attr >> 16 & 0o777 for member in members} == {0o644}
    names = [member.filename for member in members]
    assert names == sorted(names)
    assert "app.py" in names
    assert "chalicelib/actions.py" in names

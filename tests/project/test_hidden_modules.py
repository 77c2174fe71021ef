"""An app's own module with the name of one of Python's."""

import os
import subprocess
import sys
from pathlib import Path

from tests.conftest import RAW


def test_module_that_hides_one_of_python_is_named(tmp_path: Path) -> None:
    # The working directory comes first, as where the app's folder has both.
    environ = {**os.environ, "PYTHONPATH": str(RAW)}
    (tmp_path / "json.py").write_text("VERSION = 1\n")
    commands = [["chalice_ws", "check"], ["chalice_ws.local"], ["chalice_ws.deploy", "package"]]
    for command in commands:
        done = subprocess.run(
            [sys.executable, "-B", "-m", *command],
            cwd=tmp_path,
            env=environ,
            capture_output=True,
            text=True,
        )
        use = "rename it, or move it into chalicelib/"
        problem = "json.py takes the place of Python's own module json"
        assert (done.returncode, done.stderr) == (1, f"error: {problem}; {use}\n")

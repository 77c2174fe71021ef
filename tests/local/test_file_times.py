"""The search for changed files, while an editor or git changes the folders."""

import importlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RAW

NAMES = (
    "app.py",
    ".chalice/config.json",
    "chalicelib/a/one.py",
    "chalicelib/b/two.py",
    "vendor/three.py",
)


@pytest.fixture
def file_times(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], dict[Path, Any]]:
    """The function of the template's toolkit."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(RAW)
    function: Callable[[Path], dict[Path, Any]]
    function = importlib.import_module("chalice_ws.local.reload").file_times
    return function


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the files of an app."""
    for name in NAMES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def found(file_times: Callable[[Path], dict[Path, Any]], project: Path) -> set[str]:
    return {str(path.relative_to(project)) for path in file_times(project)}


def test_file_times_has_all_files_but_bytecode(file_times: Any, project: Path) -> None:
    (project / "chalicelib/__pycache__").mkdir()
    (project / "chalicelib/__pycache__/one.pyc").touch()
    assert found(file_times, project) == {*NAMES}


def test_folder_that_vanishes_during_the_search_is_left_out(
    file_times: Any, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def remove_and_scan(path: Any) -> Any:
        if Path(path).name == "b":
            Path(path, "two.py").unlink()
            Path(path).rmdir()
        return scandir(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", remove_and_scan)
        names = found(file_times, project)
    assert "chalicelib/a/one.py" in names
    assert not (project / "chalicelib/b").exists()


@pytest.mark.parametrize("name", ["app.py", "chalicelib/a/one.py", "chalicelib"])
def test_link_to_itself_is_left_out(file_times: Any, project: Path, name: str) -> None:
    path = project / name
    path.rename(project / "before")
    path.symlink_to(path.name)
    assert name not in found(file_times, project)
    assert ".chalice/config.json" in found(file_times, project)


@pytest.mark.parametrize("name", [".chalice", "chalicelib"])
def test_file_in_place_of_a_folder_is_no_error(file_times: Any, project: Path, name: str) -> None:
    shutil.rmtree(project / name)
    (project / name).touch()
    assert "app.py" in found(file_times, project)


def test_changed_file_has_another_time(file_times: Any, project: Path) -> None:
    before = file_times(project)
    os.utime(project / "chalicelib/a/one.py", ns=(1, 1))
    assert file_times(project) != before

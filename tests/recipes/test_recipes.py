"""The recipes, done in a new app as a reader would. Then all of the app's checks pass."""

import hashlib
import re
import shutil
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import Bake, files
from tests.recipes.reader import follow, named_files, run_module
from tests.recipes.test_pages import PAGES

# The packages of the recipes, for a package index on this machine.
WHEELS = {
    "psycopg-3.3.9-py3-none-any": "",
    "psycopg_binary-3.3.9-{compiled}": "",
    "python_slugify-9.2.0-py3-none-any": "Requires-Dist: text-unidecode>=1.3\n",
    "text_unidecode-1.3-py3-none-any": "",
    "pyyaml-6.0.4-{compiled}": "",
}

# The others take away what these change.
TOGETHER = [each for each in PAGES if each != "remove"]

IGNORED = (
    "build/",
    ".chalice/deployments/",
    ".mypy_cache/",
    ".pytest_cache/",
    ".ruff_cache/",
    "__pycache__/",
)


def state(app: Path) -> dict[str, str]:
    """Return a hash of each file that the app's owner has."""
    return {
        name: hashlib.sha256(content).hexdigest()
        for name, content in files(app).items()
        if not any(each in f"{name}/" for each in IGNORED)
    }


def follow_page(app: Path, name: str) -> None:
    """Do what a page says. Only files that it names may change."""
    page, before = (app / "docs" / "recipes" / f"{name}.md").read_text(), state(app)
    follow(app, page)
    after = state(app)
    named = named_files(page)
    folders = tuple(each for each in named if each.endswith("/"))
    changed = {each for each in before.keys() | after.keys() if before.get(each) != after.get(each)}
    assert {each for each in changed - named if not each.startswith(folders)} == set(), name


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package index with empty packages of the right names."""
    version = f"cp{sys.version_info.major}{sys.version_info.minor}"
    folder = tmp_path / "wheels"
    folder.mkdir()
    for pattern, requires in WHEELS.items():
        stem = pattern.format(compiled=f"{version}-{version}-manylinux2014_x86_64")
        name, number, tag = stem.split("-", 2)
        about = f"{name}-{number}.dist-info"
        with zipfile.ZipFile(folder / f"{stem}.whl", "w") as wheel:
            wheel.writestr(f"{name}.py", "")
            head = f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n"
            extra = "Provides-Extra: binary\nRequires-Dist: psycopg-binary; extra == 'binary'\n"
            wheel.writestr(f"{about}/METADATA", head + requires + extra * (name == "psycopg"))
            wheel.writestr(f"{about}/WHEEL", f"Wheel-Version: 1.0\nTag: {tag}\n")
            wheel.writestr(f"{about}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))


@pytest.fixture
def done(bake: Bake, wheels: None) -> Path:
    """A new app with the recipes that can be done together."""
    app = bake(app_name="tea")
    for name in TOGETHER:
        follow_page(app, name)
    return app


def makefile_extras(app: Path, stage: str) -> list[str]:
    """Return the resource files that the Makefile names for a stage."""
    found = re.search(rf"^EXTRAS_{stage} \?= *(.*)$", (app / "Makefile").read_text(), re.MULTILINE)
    return found[1].split() if found else []


def check_all(app: Path, tmp_path: Path, *tests: str) -> None:
    """Run what the targets lint, test, check and package run. `tests` are all by default."""
    run_module(app, "ruff", "check", "--no-cache", ".")
    run_module(app, "ruff", "format", "--no-cache", "--check", ".")
    run_module(app, "mypy", f"--cache-dir={tmp_path}", ".")
    output = run_module(app, "pytest", "-p", "no:cacheprovider", *tests)
    assert "skipped" not in output
    run_module(app, "chalice_ws", "check")
    for stage in ("dev", "prod"):
        run_module(
            app, "chalice_ws.deploy", "package", "--stage", stage, *makefile_extras(app, stage)
        )


@pytest.mark.full
def test_recipes_change_what_they_name_and_their_app_passes_all_of_its_checks(
    done: Path, tmp_path: Path
) -> None:
    check_all(done, tmp_path)


@pytest.mark.full
def test_app_without_parts_passes_all_of_its_checks(
    bake: Bake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, installed = bake(app_name="tea"), tmp_path / "installed"
    # As pip installs the package.
    shutil.copytree(app / "chalice_ws", installed / "chalice_ws")
    for name in ("PYTHONPATH", "MYPYPATH"):
        monkeypatch.setenv(name, str(installed))
    follow_page(app, "remove")
    assert not (app / "chalice_ws").exists()
    # Nothing here is about the storage, the sender and the queue.
    engine = ("test_actions.py", "identity", "protocol")
    check_all(app, tmp_path, "tests/app", *(f"tests/engine/{name}" for name in engine))

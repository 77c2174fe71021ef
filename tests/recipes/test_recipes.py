"""The recipes, done in a new app as a reader would. Then all of the app's checks pass."""

import hashlib
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import Bake, files
from tests.recipes.reader import follow, named_files
from tests.recipes.test_pages import PAGES

# The packages of the recipes, for a package index on this machine.
WHEELS = {
    "psycopg-3.3.9-py3-none-any": "",
    "psycopg_binary-3.3.9-{compiled}": "",
    "python_slugify-9.2.0-py3-none-any": "Requires-Dist: text-unidecode>=1.3\n",
    "text_unidecode-1.3-py3-none-any": "",
    "pyyaml-6.0.4-{compiled}": "",
}

IGNORED = (
    "build/",
    ".chalice/deployments/",
    ".mypy_cache/",
    ".pytest_cache/",
    ".ruff_cache/",
    "__pycache__/",
)


def run(app: Path, *arguments: str) -> str:
    """Run a module in the app's folder, without variables of AWS. It must succeed."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run(
        [sys.executable, "-B", "-m", *arguments],
        cwd=app,
        env={**clean, "AWS_DEFAULT_REGION": "us-east-1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


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
    changed = {each for each in before.keys() | after.keys() if before.get(each) != after.get(each)}
    assert changed - named_files(page) == set(), name


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
    for name in PAGES:
        follow_page(app, name)
    return app


def files_of_tests(app: Path) -> list[str]:
    """Return the test files that the pages create."""
    pages = [(app / "docs" / "recipes" / f"{name}.md").read_text() for name in PAGES]
    return re.findall(r"Create `(tests/[^`]+)`", "".join(pages))


def test_recipes_change_what_they_name_and_their_tests_pass(done: Path) -> None:
    output = run(done, "pytest", "-p", "no:cacheprovider", *files_of_tests(done))
    assert "skipped" not in output


@pytest.mark.full
def test_app_with_recipes_passes_all_of_its_checks(done: Path, tmp_path: Path) -> None:
    run(done, "ruff", "check", "--no-cache", ".")
    run(done, "ruff", "format", "--no-cache", "--check", ".")
    run(done, "mypy", f"--cache-dir={tmp_path}", ".")
    output = run(done, "pytest", "-p", "no:cacheprovider")
    assert "skipped" not in output
    run(done, "chalice_ws", "check")
    for stage, extras in (("dev", []), ("prod", ["production"])):
        run(done, "chalice_ws.deploy", "package", "--stage", stage, *extras, "vpc")

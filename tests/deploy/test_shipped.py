"""The files in the zip of a stage: those that git would commit, with git and without it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.deploy.aws.account import OFFLINE

# What nobody commits. All of it stands in chalicelib/.
LEFT_BY_OTHERS = [
    "__pycache__/old.cpython-310.pyc",
    "old.pyc",
    "old$py.class",
    ".env",
    ".env.local",
    ".envrc",
    ".DS_Store",
    "._actions.py",
    "Thumbs.db",
    ".idea/workspace.xml",
    ".vscode/settings.json",
    ".actions.py.swp",
    ".actions.py.swo",
    "4913",
    ".actions.py.kate-swp",
    "actions.py___jb_tmp___",
    ".goutputstream-AB12C3",
    ".~lock.table.csv#",
    ".nfs0000000000000001",
    "__MACOSX/._actions.py",
    "actions.py~",
    "#actions.py#",
    "actions.py.orig",
    "actions.py.rej",
    ".mypy_cache/3.11/x.json",
    ".ipynb_checkpoints/a.ipynb",
    "myenv/pyvenv.cfg",
    "myenv/lib/python3.11/site-packages/tea.py",
    "ignored.txt",
    "secrets/key.txt",
    "drafts/sketch.py",
]
IGNORED = "ignored.txt\n/chalicelib/secrets/\n*.log\n!kept.log\n"
# Files of the app, with odd names.
OWN = ["my file.txt", "tëa.json", "-dash.txt", "kept.log", "sub/__init__.py", "sub/data.csv"]


def make_dirty(app: Path) -> None:
    """Add files to an app: its own, and those of others; links and pipes too."""
    library = app / "chalicelib"
    for name in [*LEFT_BY_OTHERS, *OWN]:
        path = library / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x = 1\n")
    with (app / ".gitignore").open("a") as rules:
        rules.write(IGNORED)
    (library / "drafts" / ".gitignore").write_text("sketch.*\n")
    # An editor's lock is a link without a target.
    (library / ".#actions.py").symlink_to("ann@tea.1234")
    (library / "lost.py").symlink_to("nowhere.py")
    (library / "linked.py").symlink_to("actions.py")
    (app / "shared").mkdir()
    (app / "shared" / "__init__.py").write_text("")
    (library / "common").symlink_to("../shared")
    (library / "sub" / "loop").symlink_to("..")
    os.mkfifo(library / "pipe")
    (app / "vendor" / "packed").mkdir(parents=True)
    (app / "vendor" / "packed" / "__init__.py").write_text("")
    (app / "vendor" / "packed" / ".DS_Store").write_text("")


def package(app: Path, umask: int = 0o022, path: str = "") -> Path:
    """Package the stage dev in a process with a umask and a PATH. Return the path of the zip."""
    script = f"import os; os.umask({umask}); import runpy, sys; sys.argv[1:] = ['package']; "
    script += "runpy.run_module('chalice_ws.deploy', run_name='__main__')"
    variables = {**OFFLINE.environment, **({"PATH": path} if path else {})}
    done = subprocess.run(
        [sys.executable, "-B", "-c", script], cwd=app, env=variables, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return app / "build" / "dev" / "deployment.zip"


def own_names(archive: Path) -> set[str]:
    """Return the names in a zip that are the app's."""
    with ZipFile(archive) as content:
        return {name for name in content.namelist() if not name.startswith("chalice/")}


def expected_names(app: Path) -> set[str]:
    """Return the files of a clean app, and those of make_dirty that are its own."""
    clean = {
        path.relative_to(app).as_posix()
        for path in (app / "chalicelib").rglob("*")
        if path.is_file()
    }
    added = {f"chalicelib/{name}" for name in [*OWN, "linked.py", "common/__init__.py"]}
    return {"app.py", *clean, *added, "chalicelib/drafts/.gitignore", "packed/__init__.py"}


@pytest.fixture
def copies(app: Path, tmp_path: Path) -> tuple[Path, Path]:
    """An app that is clean, and one with files of others."""
    clean, dirty = tmp_path / "clean", tmp_path / "dirty"
    shutil.copytree(app, clean, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(app, dirty, ignore=shutil.ignore_patterns("__pycache__"))
    make_dirty(dirty)
    return clean, dirty


def git(folder: Path, *arguments: str) -> str:
    """Run git in a folder. Return its output."""
    identity = ["-c", "user.name=ann", "-c", "user.email=ann@example.com"]
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout


def test_zip_outside_of_repository_has_files_of_app_only(copies: tuple[Path, Path]) -> None:
    clean, dirty = copies
    assert own_names(package(dirty)) == expected_names(clean)


def test_zip_without_git_has_the_same_files(copies: tuple[Path, Path], tmp_path: Path) -> None:
    clean, dirty = copies
    git(dirty, "init", "--quiet")
    empty = tmp_path / "bin"
    empty.mkdir()
    assert own_names(package(dirty, path=str(empty))) == expected_names(clean)


@pytest.mark.full
def test_zip_in_repository_has_what_git_would_commit(copies: tuple[Path, Path]) -> None:
    clean, dirty = copies
    git(dirty, "init", "--quiet")
    first = package(dirty)
    assert own_names(first) == expected_names(clean)
    before = first.read_bytes()
    git(dirty, "add", "--all", ":!chalicelib/pipe")
    git(dirty, "commit", "--quiet", "-m", "tea")
    assert package(dirty).read_bytes() == before
    # A checkout of the same commit elsewhere, as other settings and file systems have it.
    other = dirty.parent / "other"
    git(dirty.parent, "clone", "--quiet", "dirty", "other")
    for path in other.rglob("*.py"):
        if path.is_file() and not path.is_symlink():
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
            path.chmod(0o777)
    assert package(other, umask=0o077).read_bytes() == before


def test_zip_of_app_in_folder_that_repository_ignores_is_complete(
    copies: tuple[Path, Path],
) -> None:
    clean, dirty = copies
    (dirty.parent / ".gitignore").write_text("dirty\n")
    git(dirty.parent, "init", "--quiet")
    assert own_names(package(dirty)) == expected_names(clean)


@pytest.mark.full
def test_zip_has_what_git_would_commit_of_submodules_and_links(app: Path, tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    (tools / "packed").mkdir(parents=True)
    (tools / "packed" / "__init__.py").write_text("")
    (tools / ".gitignore").write_text("built/\n")
    git(tools, "init", "--quiet")
    git(tools, "add", "--all")
    git(tools, "commit", "--quiet", "-m", "tea")
    own = Path(shutil.copytree(app, tmp_path / "own", ignore=shutil.ignore_patterns("__pycache__")))
    git(own, "init", "--quiet")
    add = ["-c", "protocol.file.allow=always", "submodule", "--quiet", "add", "../tools"]
    for name in ("vendor", "chalicelib/tools"):
        git(own, *add, name)
        (own / name / "built").mkdir()
        (own / name / "built" / "notes.txt").write_text("")
    (own / "shared" / "built").mkdir(parents=True)
    for name in ("shared/__init__.py", "shared/built/notes.txt"):
        (own / name).write_text("")
    (own / "chalicelib" / "common").symlink_to("../shared")
    # It is in no repository.
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "tëa.txt").write_text("")
    (own / "chalicelib" / "elsewhere").symlink_to(tmp_path / "elsewhere")
    with (own / ".gitignore").open("a") as rules:
        rules.write("/shared/built/\n")
    names = own_names(package(own))
    added = {name for name in names if not (app / name).exists()}
    assert added == {
        "packed/__init__.py",
        *("chalicelib/tools/packed/__init__.py", "chalicelib/tools/.gitignore"),
        *("chalicelib/common/__init__.py", "chalicelib/elsewhere/tëa.txt"),
    }
    git(own, "add", "--all")
    git(own, "commit", "--quiet", "-m", "tea")
    clone = ["-c", "protocol.file.allow=always", "clone", "--quiet", "--recurse-submodules"]
    git(tmp_path, *clone, "own", "other")
    before = (own / "build/dev/deployment.zip").read_bytes()
    assert package(tmp_path / "other", umask=0o077).read_bytes() == before

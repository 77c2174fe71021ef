"""The files of an app that its zip gets: those that git would commit.

Strategy: where the app is in a git repository, git lists its files: those that it tracks, and new
ones that it does not ignore. Elsewhere the files .gitignore are read here. In both cases, what
systems, editors and Python leave beside the code stays out, and so do files of secrets and virtual
environments. Links are followed, as Python follows them. Chalice takes `app.py`, `chalicelib` and
`vendor`, and would fail at a link without a target, such as an editor's lock.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from pathspec import GitIgnoreSpec

ROOTS = ("chalicelib", "vendor")
EXCLUDED = (
    "__pycache__",
    "*.py[co]",
    "*$py.class",
    # Secrets.
    ".env",
    ".env.*",
    ".envrc",
    # Files of systems: macOS, Windows.
    ".DS_Store",
    "._*",
    "Thumbs.db",
    "ehthumbs.db",
    "__MACOSX",
    ".directory",
    "desktop.ini",
    # Files of editors, and of git and patch after a conflict.
    ".idea",
    ".vscode",
    ".*.sw[a-p]",
    "*.kate-swp",
    "*~",
    ".#*",
    "#*#",
    ".~lock.*#",
    "*___jb_tmp___",
    "*___jb_old___",
    ".goutputstream-*",
    # vim tries whether it may write into a folder.
    "4913",
    "5036",
    "5159",
    # Files that a program still uses, on NFS and FUSE.
    ".nfs*",
    ".fuse_hidden*",
    "*.orig",
    "*.rej",
    ".ipynb_checkpoints",
    # Folders of tools.
    ".git",
    ".hg",
    ".svn",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
    "node_modules",
)
# Only a virtual environment has this file.
ENVIRONMENT_FILE = "pyvenv.cfg"

Walk = Iterator[tuple[str, list[str], list[str]]]
Rules = list[tuple[Path, GitIgnoreSpec]]


class ShippedFiles:
    """The files of an app that its zip gets.

    Args:
        project: the folder of app.py.
    """

    def __init__(self, project: Path) -> None:
        self._project = project
        listed = _list_with_git(project, "app.py", *ROOTS) or set()
        # The repository around the app may ignore the app's folder.
        self._listed = listed if "app.py" in listed else set()
        # Linked folders that are in no repository.
        self._unlisted: set[str] = set()

    def walk(self, folder: str, followlinks: bool = False) -> Walk:
        """Walk a folder as os.walk does. In a folder of the app, only shipped files are yielded."""
        path = Path(folder)
        if path not in [self._project / name for name in ROOTS]:
            return os.walk(folder, followlinks=followlinks)
        rules = [] if self._listed else _read_rules(self._project)
        self._list_other_repository(path)
        return self._walk(path, rules, {os.path.realpath(path)})

    def _walk(self, folder: Path, rules: Rules, parents: set[str]) -> Walk:
        if folder != self._project and not self._listed:
            rules = [*rules, *_read_rules(folder)]
        files, folders = [], []
        for name in sorted(os.listdir(folder)):
            path = folder / name
            if any(fnmatchcase(name, pattern) for pattern in EXCLUDED):
                continue
            if path.is_dir():
                # A link to a parent would have no end.
                is_loop = os.path.realpath(path) in parents
                is_environment = (path / ENVIRONMENT_FILE).exists()
                if not is_loop and not is_environment and not _is_ignored(path, rules, "/"):
                    folders.append(name)
            # A pipe, a socket and a link without a target are no files.
            elif path.is_file() and self._is_shipped(path, rules):
                files.append(_checked(path).name)
        yield str(folder), folders, files
        for name in folders:
            path = folder / name
            self._list_other_repository(path)
            yield from self._walk(path, rules, {*parents, os.path.realpath(path)})

    def _is_shipped(self, path: Path, rules: Rules) -> bool:
        if not self._listed:
            return not _is_ignored(path, rules)
        relative = path.relative_to(self._project)
        is_listed = relative.as_posix() in self._listed
        return is_listed or any(each.as_posix() in self._unlisted for each in relative.parents)

    def _list_other_repository(self, folder: Path) -> None:
        # git lists a link to a folder, and a submodule, without the files in it.
        name = folder.relative_to(self._project).as_posix()
        if name not in self._listed:
            return
        listed = _list_with_git(folder, ".")
        if listed is None:
            self._unlisted.add(name)
        else:
            self._listed |= {f"{name}/{each}" for each in listed}


def _list_with_git(folder: Path, *names: str) -> set[str] | None:
    """Return the files that git tracks or would add. None: there is no git, or no repository.

    Args:
        folder: the paths are relative to it.
        names: files and folders in it.
    """
    # In a hook, git sets variables that name another repository.
    environment = {name: each for name, each in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--"]
    try:
        done = subprocess.run([*command, *names], cwd=folder, env=environment, capture_output=True)
    except OSError:
        return None
    found = {os.fsdecode(name) for name in done.stdout.split(b"\0")}
    return found if done.returncode == 0 else None


def _read_rules(folder: Path) -> Rules:
    path = folder / ".gitignore"
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [(folder, GitIgnoreSpec.from_lines(lines))]


def _is_ignored(path: Path, rules: Rules, end: str = "") -> bool:
    ignored = False
    for folder, spec in rules:
        result = spec.check_file(path.relative_to(folder).as_posix() + end)
        ignored = ignored if result.include is None else result.include
    return ignored


def _checked(path: Path) -> Path:
    # A zip has names in UTF-8.
    try:
        str(path).encode()
    except UnicodeEncodeError:
        sys.exit(f"the name of a file is not valid UTF-8 (got {str(path)!r}); rename it")
    return path

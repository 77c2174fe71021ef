"""The commands in the documents: each target, command and option exists."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from docs import links
from tests.conftest import RAW, ROOT

DOCUMENTS = links.documents(ROOT)

# Options of other programs in the documents.
OTHER_PROGRAMS = re.compile(
    r"(?:aws|chalice|cookiecutter|cruft|curl|docker|git|node|npm|npx|pip|pipx|pytest|python3?|ruff|uvx?|wscat|wsl)\b"
)


def code(path: Path) -> list[str]:
    """Return the lines of a document's code blocks, and its inline code."""
    # A backslash continues a command in the next line.
    text = re.sub(r"\\\n\s*", " ", path.read_text())
    blocks = re.findall(r"^```(?!text).*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += re.findall(r"^ {4}(\S.*)$", text, re.MULTILINE)
    lines += re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S))
    return [line.removeprefix("$ ").strip() for line in lines]


def commands(path: Path) -> list[str]:
    """Return the lines of a document that a reader types into a shell."""
    text = re.sub(r"^```(?!console).*?^```", "", path.read_text(), flags=re.M | re.S)
    return re.findall(r"^(?: {4}|\$ )([a-z.].*)$", text, re.MULTILINE)


def makefiles(path: Path) -> list[Path]:
    """Return the Makefiles whose targets a document may name."""
    own = [RAW / "Makefile"]
    return own if RAW in path.parents else [*own, ROOT / "Makefile"]


def targets(makefile: Path) -> set[str]:
    return set(re.findall(r"^([a-z-]+):", makefile.read_text(), re.MULTILINE))


@cache
def help_of(*command: str) -> str:
    """Return the help of a command of the toolkit."""
    module, *arguments = command
    run, folder = ["-m", module, *arguments], RAW
    if arguments == ["lesson"]:
        # The installed package has it, and the repository.
        run, folder = ["-c", "from docs.workshop import command; command.main()"], ROOT
    done = subprocess.run(
        [sys.executable, "-B", *run, "--help"],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{command} does not exist: {done.stderr}"
    return done.stdout


def toolkit_command(line: str) -> tuple[list[str], list[str]] | None:
    """Return a command of the toolkit and its options. None: the line is none."""
    match = re.search(
        r"(?:(?:^|\s|/)(chalice-ws)|-m (chalice_ws(?:\.\w+)?)) ([^|;&#]*)", f"{line} "
    )
    if match is None:
        return None
    module, rest = match[2] or "chalice_ws", re.sub(r"'[^']*'", "", match[3])
    words = rest.split()
    if module == "chalice_ws.local":
        module, words = "chalice_ws", ["local", *words]
    options = [word.partition("=")[0] for word in words if word.startswith("--")]
    name = [words[0]] if words and re.fullmatch(r"[a-z]+", words[0]) else []
    return [module, *name], options


def problems(path: Path, line: str) -> list[str]:
    """Return what does not exist of the commands in a line of a document."""
    found = []
    for target in re.findall(r"(?:^|\s)make ((?:[a-z-]+ ?)+)", line):
        known = set().union(*map(targets, makefiles(path)))
        found += [f"make {name}" for name in target.split() if name not in known]
    for variable in re.findall(r"^make .*?\b([A-Z]+)=", line):
        text = "".join(each.read_text() for each in makefiles(path))
        found += [] if f"$({variable})" in text else [f"make {variable}="]
    for module in re.findall(r"-m ((?:benchmarks|docs)\.[a-z_]+)", line):
        place = ROOT.joinpath(*module.split("."))
        found += [] if place.is_dir() or place.with_suffix(".py").exists() else [module]
    if toolkit := toolkit_command(line):
        command, options = toolkit
        text = help_of(*command)
        found += [f"{command} {option}" for option in options if option not in text]
    elif re.match("--[a-z]", line) or (" --" in line and not OTHER_PROGRAMS.search(line)):
        text = "".join(each.read_text() for each in path.parent.glob("__main__.py"))
        # An option alone may be one of another program in the same document.
        text += "\n".join(each for each in code(path) if OTHER_PROGRAMS.search(each))
        text += help_of("chalice_ws", "lesson") + help_of("chalice_ws", "local")
        text += help_of("chalice_ws", "invoke") + help_of("chalice_ws", "connect")
        text += help_of("chalice_ws.deploy", "deploy") + help_of("chalice_ws", "check")
        text += help_of("chalice_ws.deploy", "destroy")
        found += [option for option in re.findall(r"(--[a-z-]+)", line) if option not in text]
    return found


def test_each_command_of_the_documents_exists() -> None:
    lines = [(path, line) for path in DOCUMENTS for line in code(path)]
    assert sum("make " in line for _, line in lines) > 40
    assert sum("chalice-ws " in line for _, line in lines) > 8
    found = [
        f"{path.relative_to(ROOT)}: {each}" for path, line in lines for each in problems(path, line)
    ]
    assert not found, "\n".join(found)


def test_no_command_has_a_comment_behind_it() -> None:
    """The shell of macOS takes the words of a comment for arguments, where a line is pasted."""
    lines = [(path.name, line) for path in DOCUMENTS for line in commands(path)]
    assert len(lines) > 100
    assert [each for each in lines if re.search(r"\s# ", each[1])] == []


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("make demo", 0),
        ("make lint check test", 0),
        ("make demolish", 1),
        ("make deploy STAGE=dev", 0),
        ("make deploy STAGES=dev", 1),
        ("chalice-ws local --port 1", 0),
        ("chalice-ws local --ports 1", 1),
        (".venv/bin/python -m chalice_ws.local --latency 30", 0),
        ("--latency 30", 0),
        ("--late 30", 0),
        ("--later 30", 1),
    ],
)
def test_command_is_checked(line: str, wrong: int) -> None:
    assert len(problems(ROOT / "README.md", line)) == wrong

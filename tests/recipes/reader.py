"""A reader of the generated app's recipes, who does in an app what a page says.

A paragraph before a block says what the block is for:

- "Create `tests/test_x.py`:" is a new file.
- "In `app.py`, add:" goes to the end of a file. Imports go to its top.
- "In `chalicelib/access.py`, replace `may`:" is another function of that name.
- "In `resources.json`, add to `Resources`:" goes into an object of a file. "of each stage" is the
  object of each stage, and `dev/` in the block is the stage's name.
- "In `Makefile`, replace the command of `install`:" is for a target.
- "Run" is a command. One that is for AWS, or for another terminal, is not run here.

A sentence without a block changes a file: "replace `old` with `new`", "take `x` out of the import
of `y`", "delete the function `x`". "Add `x` to `Y`" and "take `x` out of `Y`" change a setting that
has commas.
"""

import ast
import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests import warm

_FILE = re.compile(r"(In|Create) `([^`]+)`")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# These need an account, or a person.
_ELSEWHERE = re.compile(r"\b(on AWS|another terminal|make run)\b", re.IGNORECASE)
_LINE = re.compile(r"\b(replace|add|take|delete)\b(?: the \w+)? `([^`]+)`([^`]*)(?:`([^`]+)`)?")


class Step(NamedTuple):
    """A step of a page.

    Args:
        text: the paragraph, in one line.
        language: that of the block; empty where there is none.
        block: the block.
    """

    text: str
    language: str = ""
    block: str = ""

    @property
    def file(self) -> str | None:
        """The file that the step changes by hand; None for a command."""
        found = _FILE.findall(self.text)
        return found[-1][1] if found else None

    @property
    def is_new(self) -> bool:
        """True if the step makes the file."""
        return self.file is not None and _FILE.findall(self.text)[-1][0] == "Create"

    @property
    def is_command(self) -> bool:
        """True for a block that runs here."""
        return self.language == "sh" and not _ELSEWHERE.search(self.text)


def steps(page: str) -> Iterator[Step]:
    """Yield the steps of a page: its blocks with their paragraphs, and the changes of one line."""
    end = 0
    for block in [*_BLOCK.finditer(page), None]:
        before = page[end : block.start()] if block else page[end:]
        paragraphs = [
            " ".join(each.split()) for each in re.split(r"\n\s*\n|^- ", before, flags=re.M)
        ]
        paragraphs = [each for each in paragraphs if each and not each.startswith("#")]
        last = paragraphs.pop() if block and paragraphs else ""
        yield from (Step(each) for each in paragraphs if _LINE.search(each) and _FILE.search(each))
        if block:
            yield Step(last, block[1], block[2])
            end = block.end()


def named_files(page: str) -> set[str]:
    """Return the files that a page names. STAGE in a name is any stage."""
    words = re.findall(r"`([\w./{}-]+)`", page)
    return {each.replace("STAGE", stage) for each in words for stage in ("dev", "prod")}


def follow(app: Path, page: str) -> None:
    """Do in an app what a page says, in its order."""
    for step in steps(page):
        if step.language == "sh":
            if step.is_command:
                run_commands(app, step.block)
        elif not step.language:
            _change_lines(app, step)
        elif step.file:
            _write(app, step, step.file)


def run_commands(app: Path, text: str) -> None:
    """Run the commands of a block in the app's folder. Each must succeed."""
    for line in text.replace("\\\n", " ").splitlines():
        for words in _commands(app, shlex.split(line)):
            # The app's environment is the one of these tests.
            tool = words[0].partition("bin/")[2]
            if tool == "python":
                run_module(app, *words[2:])
            elif tool:
                run_module(app, tool, *words[1:])
            else:
                subprocess.run(words, cwd=app, check=True)


def run_module(app: Path, *arguments: str) -> str:
    """Run a module in the app's folder, without variables of AWS, and return its output.

    It must succeed.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    env = {**clean, "AWS_DEFAULT_REGION": "us-east-1"}
    done = warm.run_module(*arguments, cwd=app, env=env, stderr_to_stdout=True)
    assert done.returncode == 0, f"{shlex.join(arguments)}\n{done.stdout}"
    return done.stdout


def _commands(app: Path, words: list[str]) -> list[list[str]]:
    """Return the commands that a command runs: itself, or those of a target of the Makefile."""
    if words[0] != "make":
        return [words]
    make = ["make", "--dry-run", "--no-print-directory", "-o", "install", *words[1:]]
    printed = subprocess.run(make, cwd=app, check=True, capture_output=True, text=True).stdout
    lines = [shlex.split(line) for line in printed.splitlines()]
    return [line for line in lines if line[0].endswith("/python")]


def _write(app: Path, step: Step, name: str) -> None:
    path = app / name
    if step.is_new:
        assert not path.exists(), f"{name} exists already"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(step.block)
    elif path.suffix == ".json":
        _add_members(path, step)
    elif path.suffix == ".py":
        found = re.search(r"replace `(\w+)`", step.text)
        _add_code(path, step.block, found and found[1])
        _sort_imports(app, name)
    elif step.language == "make":
        target = re.search(r"command of `(\w+)`", step.text)
        assert target, step.text
        pattern = rf"(^{target[1]}:.*\n)(?:\t.*\n)+"
        text, count = re.subn(
            pattern, lambda found: found[1] + step.block, path.read_text(), flags=re.M
        )
        assert count == 1, step.text
        path.write_text(text)
    else:
        text = path.read_text()
        path.write_text(text.rstrip("\n") + f"\n{step.block}")


def _add_code(path: Path, block: str, replaced: str | None) -> None:
    """Add Python code at the end of a file, or in place of a function. Imports go to the top."""
    lines, nodes = block.splitlines(keepends=True), ast.parse(block).body
    count = 0
    for node in nodes:
        if not isinstance(node, ast.Import | ast.ImportFrom):
            break
        count = node.end_lineno or 0
    imports, code = "".join(lines[:count]), "".join(lines[count:]).strip("\n") + "\n"
    source = path.read_text()
    if replaced:
        source = _replace_function(source, replaced, code)
    elif code.strip():
        source = f"{source.rstrip()}\n\n\n{code}"
    if imports:
        first = re.search(r"^(?:import|from) ", source, re.MULTILINE)
        assert first, f"{path.name} has no imports"
        source = source[: first.start()] + imports + source[first.start() :]
    path.write_text(source)


def _replace_function(source: str, name: str, code: str) -> str:
    lines = source.splitlines(keepends=True)
    (node,) = [
        each
        for each in ast.parse(source).body
        if isinstance(each, ast.FunctionDef | ast.ClassDef) and each.name == name
    ]
    start = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    # Without code, the two empty lines after the function go too.
    end = (node.end_lineno or start) + (0 if code else 2)
    lines[start - 1 : end] = [code]
    return "".join(lines)


def _sort_imports(app: Path, name: str) -> None:
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--fix", "--select=I", name]
    subprocess.run(command, cwd=app, check=True, capture_output=True)


def _add_members(path: Path, step: Step) -> None:
    """Add members to an object of a JSON file, or of each stage in it."""
    found = re.search(r"add to `(\w+)`( of each stage)?", step.text)
    assert found, step.text
    content: dict[str, Any] = json.loads(path.read_text())
    stages = content["stages"] if found[2] else {"dev": content}
    for stage, settings in stages.items():
        members = json.loads("{" + step.block.replace("dev/", f"{stage}/") + "}")
        target = settings.setdefault(found[1], {})
        for name, value in members.items():
            both = isinstance(value, dict) and isinstance(target.get(name), dict)
            target[name] = {**target[name], **value} if both else value
    path.write_text(json.dumps(content, indent=2) + "\n")


def _change_lines(app: Path, step: Step) -> None:
    for _, file in _FILE.findall(step.text):
        path = app / file
        text = path.read_text()
        for verb, first, link, second in _LINE.findall(step.text):
            text = _changed(text, verb, first, link, second)
        path.write_text(text)
        if path.suffix == ".py":
            _sort_imports(app, file)


def _changed(text: str, verb: str, first: str, link: str, second: str) -> str:
    """Return a file's text after one change."""
    if verb == "replace":
        assert first in text, first
        return text.replace(first, second)
    if verb == "delete":
        return _replace_function(text, first, "")
    if "import of" in link:
        (node,) = [
            each
            for each in ast.parse(text).body
            if isinstance(each, ast.ImportFrom) and each.module == second
        ]
        names = ", ".join(each.name for each in node.names if each.name != first)
        lines = text.splitlines(keepends=True)
        line = [f"from {second} import {names}\n"] if names else []
        lines[node.lineno - 1 : node.end_lineno] = line
        return "".join(lines)
    start = f'"{second}": "'
    assert start in text, second
    if verb == "add":
        return text.replace(start, f"{start}{first},")
    pattern = rf'({re.escape(start)}(?:[^"]*,)?){first}(?:,|(?="))'
    changed, count = re.subn(pattern, r"\1", text)
    assert count, first
    return changed.replace(',"', '"')

"""A reader who follows a page: edits files, types commands, and compares what is shown."""

import os
import re
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.conftest import RAW, ROOT
from tests.workshop.editing import apply
from tests.workshop.pages import Console, Edit, Heading, Step, steps
from tests.workshop.terminal import Mismatch, Terminal

PORT = "8000"

# The gateway prints one of them after a change of these files.
LOADED = re.compile(r"the app has changed and is loaded again|the previous code stays in use")
RELOADED = ("app.py", ".chalice/config.json", "chalicelib/")

# The toolkit as `pip install` gives it, by a link to where it stands in the repository. The gateway
# listens on a free port, although the page says 8000.
COMMAND = f"""#!{sys.executable} -B
import sys
import chalice_ws
chalice_ws.__path__.append({str(ROOT / "docs")!r})
from chalice_ws.cli import main
if __name__ == "__main__":
    takes_port = sys.argv[1:2] in (["local"], ["connect"], ["token"], ["invoke"], ["lesson"])
    if takes_port and "--port" not in sys.argv:
        sys.argv[2:2] = ["--port", "{{port}}"]
    sys.exit(main())
"""


class Reader:
    """A reader with an empty folder, the toolkit and a few terminals.

    Args:
        folder: the folder of the app.
        commands: a folder for the command chalice-ws.
    """

    def __init__(self, folder: Path, commands: Path) -> None:
        self.folder = folder
        self.port = str(free_port())
        commands.mkdir()
        for name, text in {
            "chalice-ws": COMMAND.replace("{port}", self.port),
            "python": f'#!/bin/sh\nexec "{sys.executable}" -B "$@"\n',
        }.items():
            (commands / name).write_text(text)
            (commands / name).chmod(0o755)
        toolkit = commands / "toolkit"
        toolkit.mkdir()
        (toolkit / "chalice_ws").symlink_to(RAW / "chalice_ws", target_is_directory=True)
        scripts = Path(sys.executable).parent
        kept = ("LANG", "TMPDIR")
        # A class may sit behind a proxy that does not reach this machine.
        proxies = (
            "http_proxy",
            "https_proxy",
            "all_proxy",
            "HTTP_PROXY",
            "HTTPS_PROXY",
            "ALL_PROXY",
        )
        self.environment = {
            **{name: os.environ[name] for name in kept if name in os.environ},
            **dict.fromkeys(proxies, "http://127.0.0.1:9"),
            "HOME": str(commands),
            "PATH": os.pathsep.join([str(commands), str(scripts), os.environ["PATH"]]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONPATH": str(toolkit),
            "PYTHONUTF8": "1",
            "PYTHONUNBUFFERED": "1",
        }
        self._terminals: dict[str, Terminal] = {}
        self._ids: dict[str, str] = {}

    def follow(self, page: Path) -> Iterator[str]:
        """Take the steps of a page. Yield each heading before the steps below it."""
        all_steps = list(steps(page))
        for number, step in enumerate(all_steps):
            if isinstance(step, Heading):
                yield step.text
                continue
            try:
                self._take(step, all_steps[number + 1 :])
            except Mismatch as error:
                others = "\n".join(f"-- {n}\n{t.screen()}" for n, t in self._terminals.items())
                where = f"{page.name}:{step.line}"
                raise AssertionError(f"{where}: {error}\n{others}") from None

    def files(self) -> dict[str, bytes]:
        """Return the content of each file, with the port of the page."""
        return {
            path.relative_to(self.folder).as_posix(): self._as_on_page(path.read_bytes())
            for path in self.folder.rglob("*")
            if path.is_file()
        }

    def close(self) -> None:
        """End all that was started."""
        for terminal in self._terminals.values():
            terminal.close()

    def terminal(self, name: str) -> Terminal:
        """Return a terminal. It is opened where it is named for the first time."""
        if name not in self._terminals:
            self._terminals[name] = Terminal(self.folder, self.environment, self._ids)
        return self._terminals[name]

    def _take(self, step: Edit | Console, later: list[Step]) -> None:
        if isinstance(step, Console):
            same = (each for each in later if isinstance(each, Console))
            following = next((each for each in same if each.terminal == step.terminal), None)
            is_continued = following is not None and not following.text.startswith("$ ")
            self.terminal(step.terminal).run(step.text.replace(PORT, self.port), is_continued)
            if "chalice-ws lesson" in step.text:
                # It may have copied files.
                for name in self.files():
                    self._use_free_port(self.folder / name)
            return
        gateways = [each for each in self._terminals.values() if each.runs_gateway()]
        loaded = [gateway.count(LOADED) for gateway in gateways]
        apply(step, self.folder)
        self._use_free_port(self.folder / step.file)
        if step.file.startswith(RELOADED):
            # A reader needs longer to change the window.
            for gateway, times in zip(gateways, loaded, strict=True):
                gateway.wait_for(LOADED, times + 1)

    def _use_free_port(self, path: Path) -> None:
        content, page_port = path.read_bytes(), f":{PORT}".encode()
        if page_port in content:
            path.write_bytes(content.replace(page_port, f":{self.port}".encode()))

    def _as_on_page(self, content: bytes) -> bytes:
        return content.replace(f":{self.port}".encode(), f":{PORT}".encode())


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def reading(folder: Path, generated: Path | None = None) -> Iterator[Reader]:
    """A reader in an empty folder below another one.

    Args:
        folder: the other one.
        generated: an app of the template, which the reader finds beside the empty folder.
    """
    (folder / "workshop").mkdir()
    if generated:
        (folder / "chalice-ws-app").symlink_to(generated, target_is_directory=True)
    reader = Reader(folder / "workshop", folder / "commands")
    try:
        yield reader
    finally:
        reader.close()

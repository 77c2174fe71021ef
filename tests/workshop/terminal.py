"""A terminal of a reader: a shell, what is typed there, and what it shows."""

import codecs
import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Mapping
from itertools import permutations
from pathlib import Path

# The end of a wait. It only ends a test that hangs.
SECONDS = 120

# A letter for private use: no program prints it.
PROMPT = "\ue000$ "

# Commands that go on until a key ends them.
RUNNING = ("chalice-ws local", "chalice-ws connect")

KEYS = {"^C": b"\x03", "^D": b"\x04"}

ESCAPES = re.compile(r"\x1bP.*?\x1b\\|\x1b\[[0-9;?>]*[a-zA-Z]", re.DOTALL)

# What differs from run to run. The ids that a page shows stand for those of the run.
ID = re.compile(r"[A-Za-z0-9_-]{15}=")
ID_LIST = re.compile(rf'\["{ID.pattern}"(, "{ID.pattern}")+\]')
VARYING = [
    (re.compile(r"\d\d:\d\d:\d\d\b"), r"\d\d:\d\d:\d\d"),
    (re.compile(r"\b\d+ ms\b"), r"\d+ ms"),
    (re.compile(r"missing: \d+ of"), r"missing: \d+ of"),
    (re.compile(r"\b\d+ of \d+ people"), r"\d+ of \d+ people"),
    (re.compile(r"\b\d+\\\.\d+ s\b"), r"\d+\.\d+ s"),
    (re.compile(r"Python/\d\\?\.\d+ websockets/\d+\\?\.\d+"), r"Python/\S+ websockets/\S+"),
    (re.compile(r"\b\d{13}\\-[0-9a-f]{8}\b"), r"\d{13}-[0-9a-f]{8}"),
    (re.compile(r"\b\d{13}\b"), r"\d{13}"),
    (re.compile(r"\b\d{10}\b"), r"\d{10}"),
    (re.compile(r"\w+(?=\\\.execute)"), r"\w+"),
    (re.compile(r"\d\d/[A-Z][a-z]{2}/\d{4}"), r"\d\d/[A-Z][a-z]{2}/\d{4}"),
    (re.compile(r"\beyJ[\w.\\-]+"), r"eyJ[\w.-]+"),
]


class Mismatch(AssertionError):
    """A terminal shows something else than the page."""


class Terminal:
    """A shell in a pseudo-terminal.

    Args:
        folder: the folder where it starts.
        environment: its environment variables.
        ids: the ids of this run, by those of the page. All terminals of a page share them.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], ids: dict[str, str]) -> None:
        self._ids = ids
        self._raw = ""
        self._text = ""
        self._position = 0
        self._command = ""
        self._is_at_prompt = False
        self._shown = threading.Condition()
        self._main, child = pty.openpty()
        # Lines of any length.
        fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 1000, 0, 0))
        self._process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "--noediting", "-i"],
            cwd=folder,
            env={**environment, "PS1": PROMPT, "TERM": "dumb", "HISTFILE": "/dev/null"},
            stdin=child,
            stdout=child,
            stderr=child,
            start_new_session=True,
            preexec_fn=_take_terminal,
        )
        os.close(child)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._wait_for_prompt(True)

    def run(self, block: str, is_continued: bool) -> None:
        """Type the commands and lines of a block, and compare all that the terminal shows.

        Args:
            block: the lines as they stand in the terminal.
            is_continued: whether a later block shows more of the last command's output.

        Raises:
            Mismatch: it shows something else.
        """
        # A program has printed meanwhile what the page does not show.
        may_skip = True
        for line in block.splitlines():
            if line == "...":
                may_skip = True
            elif line.startswith("$ "):
                self._wait_for_prompt(may_skip)
                self._command = line[2:]
                self._type(line[2:], may_skip)
                may_skip = False
            elif line in KEYS:
                os.write(self._main, KEYS[line])
                if line == "^C":
                    # The terminal shows it.
                    self._find(re.compile(r"\^C\n?"), may_skip=True)
                self._command = self._command.replace("chalice-ws ", "ended ")
                may_skip = line == "^C"
            elif self._is_typed(line):
                self._type(line, may_skip)
                may_skip = False
            else:
                self._expect(line, may_skip)
                may_skip = False
        if not is_continued and not self._command.startswith(RUNNING):
            # The command prints nothing else.
            self._wait_for_prompt(may_skip)

    def close(self) -> None:
        """End the shell and all that runs in its terminal."""
        for number in (signal.SIGHUP, signal.SIGKILL):
            for group in {self._foreground(), self._process.pid} - {0}:
                try:
                    os.killpg(group, number)
                except ProcessLookupError:
                    continue
            try:
                self._process.wait(10)
                break
            except subprocess.TimeoutExpired:
                continue
        self._process.wait()
        self._reader.join(SECONDS)
        os.close(self._main)

    def runs_gateway(self) -> bool:
        """Return whether a gateway runs here that loads the app again after a change."""
        return self._command.startswith("chalice-ws local") and "--workers 0" not in self._command

    def count(self, pattern: re.Pattern[str]) -> int:
        """Return the number of matches in all that the terminal has shown."""
        return len(pattern.findall(self._text))

    def wait_for(self, pattern: re.Pattern[str], times: int) -> None:
        """Wait until a text has been shown as many times."""
        with self._shown:
            if not self._shown.wait_for(lambda: self.count(pattern) >= times, SECONDS):
                raise Mismatch(f"expected {pattern.pattern!r} {times} times\n{self.screen()}")

    def screen(self) -> str:
        """Return all that the terminal has shown."""
        return self._text.replace(PROMPT, "$ ")

    def _is_typed(self, line: str) -> bool:
        """Return whether the reader types a line into `chalice-ws connect`."""
        output = line.startswith(("< ", "Connected to ", "Closed: ", "error: "))
        return self._command.startswith("chalice-ws connect") and not output

    def _type(self, line: str, may_skip: bool) -> None:
        self._is_at_prompt = False
        os.write(self._main, line.encode() + b"\n")
        # The terminal shows what is typed.
        self._find(re.compile(re.escape(line) + "\n"), may_skip)

    def _expect(self, line: str, may_skip: bool) -> None:
        ids = sorted(set(ID.findall(line)))
        if ID_LIST.search(line):
            # A table names its rows in any order, so the list does not say which is which.
            orders = [dict(zip(ids, order, strict=True)) for order in permutations(ids)]
            patterns = [self._pattern(_exchange(line, order), []) for order in orders]
        else:
            patterns = [self._pattern(line, ids)]
        found = self._find(re.compile(f"(?:{'|'.join(patterns)})\n"), may_skip)
        for name, value in found.groupdict().items():
            self._ids[ids[int(name[1:])]] = value

    def _pattern(self, line: str, named: list[str]) -> str:
        """Return a pattern for a line, with a group for each id in `named` that is new."""
        pattern = re.escape(line).replace(r"\ ", " ")
        for varying, replacement in VARYING:
            pattern = varying.sub(replacement.replace("\\", r"\\"), pattern)
        for each in set(ID.findall(line)):
            first = again = re.escape(self._ids[each]) if each in self._ids else ID.pattern
            if each in named and each not in self._ids:
                group = f"i{named.index(each)}"
                first, again = f"(?P<{group}>{ID.pattern})", f"(?P={group})"
            pattern = pattern.replace(re.escape(each), first, 1).replace(re.escape(each), again)
        return pattern

    def _wait_for_prompt(self, may_skip: bool) -> None:
        if not self._is_at_prompt:
            self._find(re.compile(re.escape(PROMPT)), may_skip)
            self._is_at_prompt = True

    def _find(self, pattern: re.Pattern[str], may_skip: bool) -> re.Match[str]:
        """Wait for a text, the next one or a later one, and move behind it."""
        end = time.monotonic() + SECONDS
        with self._shown:
            while True:
                if may_skip:
                    found = pattern.search(self._text, self._position)
                else:
                    found = pattern.match(self._text, self._position)
                if found:
                    self._position = found.end()
                    return found
                rest = self._text[self._position :]
                is_other = not may_skip and ("\n" in rest or PROMPT in rest)
                if is_other or not self._shown.wait(end - time.monotonic()):
                    raise Mismatch(f"expected {pattern.pattern!r}\ngot {rest!r}\n{self.screen()}")

    def _read(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while True:
            try:
                data = os.read(self._main, 65536)
            except OSError:
                return
            if not data:
                return
            with self._shown:
                self._raw += decoder.decode(data).replace("\r", "")
                # A program may ask the terminal for its features. The last question may not be
                # complete.
                self._text = ESCAPES.sub("", self._raw).partition("\x1b")[0]
                self._shown.notify_all()

    def _foreground(self) -> int:
        try:
            return os.tcgetpgrp(self._main)
        except OSError:
            return 0


def _take_terminal() -> None:
    # Files of a careful reader are for nobody else.
    os.umask(0o077)
    # Ctrl-C in the terminal then reaches what runs there.
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    # A run under nohup ignores it, and so would all that runs in the terminal.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def _exchange(line: str, order: Mapping[str, str]) -> str:
    return ID.sub(lambda found: order[found[0]], line)

"""Helpers for tests that edit an app while the local gateway runs it."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree

from websockets.sync.client import ClientConnection

from tests.local.gateway import APPS, SECONDS, Gateway, configure, replace

RELOADED = "loaded again"
NOT_RELOADED = "the previous code stays in use"


def prepared(project: Path) -> Path:
    """Copy the bare app, with a word to change in each of its files."""
    copytree(APPS / "bare", project)
    modules = {"chalicelib.words": "WORD", "beside.words": "BESIDE", "vendored": "VENDORED"}
    with (project / "app.py").open("a") as file:
        for module, name in modules.items():
            folder = project if "." in module else project / "vendor"
            path = folder / f"{module.replace('.', '/')}.py"
            path.parent.mkdir()
            path.write_text(f"{name} = 'old'\n")
            file.write(f"\nfrom {module} import {name}\n")
        file.write("VERSION = 'old'\n")
    configure(project, environment_variables={"GREETING": "old"})
    return project


@contextmanager
def reloaded(gateway: Gateway, message: str = RELOADED) -> Iterator[None]:
    """Wait, after the block has changed a file, until the gateway has loaded it or failed to."""
    before = gateway.printed().count(message)
    yield
    gateway.prints(message, times=before + 1)


def edit(gateway: Gateway, name: str, old: str, new: str) -> None:
    """Replace a text in a file of the app."""
    text = (gateway.project / name).read_text()
    assert old in text
    replace(gateway.project / name, text.replace(old, new))


def exchange(*guests: ClientConnection) -> None:
    """Send ten messages at once from each client, and check that each gets its own replies."""
    texts = {f"message {number}" for number in range(10)}
    for each in guests:
        for text in texts:
            each.send(text)
    for each in guests:
        assert {each.recv(timeout=SECONDS) for _ in texts} == texts


@contextmanager
def waiting(gateway: Gateway, guest: ClientConnection) -> Iterator[None]:
    """Keep a handler running during the block, and check its reply after it."""
    gate = secrets.token_hex(4)
    guest.send(f"wait {gate}")
    gateway.wait_for_message(f"wait {gate}")
    try:
        yield
    finally:
        (gateway.project / gate).touch()
    assert guest.recv(timeout=SECONDS) == f"wait {gate}"

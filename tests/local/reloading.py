"""An app that tests edit while the local gateway runs it, and what to see of that."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree

from websockets.sync.client import ClientConnection

from tests.local.gateway import APPS, SECONDS, Gateway, configure, replace

RELOADED = "loaded again"
NOT_RELOADED = "the code from before goes on"


def prepared(project: Path) -> Path:
    """The bare app with a word that can be changed in each of its files."""
    copytree(APPS / "bare", project)
    (project / "chalicelib").mkdir()
    (project / "chalicelib" / "words.py").write_text("WORD = 'old'\n")
    with (project / "app.py").open("a") as file:
        file.write("\nfrom chalicelib.words import WORD\nVERSION = 'old'\n")
    configure(project, environment_variables={"GREETING": "old"})
    return project


@contextmanager
def reloaded(gateway: Gateway, told: str = RELOADED) -> Iterator[None]:
    """The block saves something, and after it the gateway has loaded it, or tried to."""
    before = gateway.printed().count(told)
    yield
    gateway.prints(told, times=before + 1)


def edit(gateway: Gateway, name: str, old: str, new: str) -> None:
    text = (gateway.project / name).read_text()
    assert old in text
    replace(gateway.project / name, text.replace(old, new))


def exchange(*guests: ClientConnection) -> None:
    """Send several messages at once, and see that all are answered, by no other than themselves."""
    texts = {f"message {number}" for number in range(10)}
    for each in guests:
        for text in texts:
            each.send(text)
    for each in guests:
        assert {each.recv(timeout=SECONDS) for _ in texts} == texts


@contextmanager
def waiting(gateway: Gateway, guest: ClientConnection) -> Iterator[None]:
    """A handler runs as long as the block, and ends in order after it."""
    gate = secrets.token_hex(4)
    guest.send(f"wait {gate}")
    gateway.said(f"wait {gate}")
    try:
        yield
    finally:
        (gateway.project / gate).touch()
    assert guest.recv(timeout=SECONDS) == f"wait {gate}"

"""The reload of a changed app, which keeps all connections."""

import json
import os
import secrets
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.sync.client import ClientConnection

from tests.local.gateway import SECONDS, Gateway, ask, client, id_of, poll, replace, serving
from tests.local.reloading import (
    NOT_RELOADED,
    RELOADED,
    edit,
    exchange,
    prepared,
    reloaded,
    waiting,
)

# The files of the app, each with an expression for the word in it.
EXPRESSIONS = {
    "app.py": "VERSION",
    "chalicelib/words.py": "WORD",
    "beside/words.py": "BESIDE",
    "vendor/vendored.py": "VENDORED",
    ".chalice/config.json": "os.environ['GREETING']",
}


@pytest.fixture(scope="module")
def editable(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run an app that the tests edit."""
    tmp = tmp_path_factory.mktemp("editable")
    with serving(app, prepared(tmp / "bare"), tmp) as gateway:
        yield gateway


@pytest.fixture
def edited(editable: Gateway) -> Iterator[Gateway]:
    """Return the gateway, and restore its app after the test."""
    texts = {editable.project / name: (editable.project / name).read_text() for name in EXPRESSIONS}
    yield editable
    # One by one: of several changes the gateway may notice some later.
    for path, text in texts.items():
        if path.read_text() != text:
            with reloaded(editable):
                replace(path, text)


def test_next_message_runs_the_changed_code(edited: Gateway) -> None:
    with client(edited.url) as one, client(edited.url) as other:
        ids = [id_of(each) for each in (one, other)]
        for name, expression in EXPRESSIONS.items():
            assert ask(one, f"eval {expression}") == "old"
            with reloaded(edited):
                edit(edited, name, "old", "new")
            assert [ask(each, f"eval {expression}") for each in (one, other)] == ["new", "new"]
        answer = edited.invoke("echo", {"eval": "VERSION"})
        assert json.loads(answer.body)["outcome"] == "new"
        assert [id_of(each) for each in (one, other)] == ids


def test_change_that_needs_a_restart_is_told_once(edited: Gateway) -> None:
    for name in ("resources.json", ".chalice/local.json"):
        replace(edited.project / name, '{"Resources": {}}')
        edited.prints(f"{name} has changed; restart to use it")
    edit(edited, ".chalice/config.json", '"app_name": "bare"', '"app_name": "other"')
    edited.prints("app_name in .chalice/config.json has changed; restart to use it")
    assert edited.printed().count("restart to use it") == 3


def test_new_function_can_be_invoked(edited: Gateway) -> None:
    assert edited.invoke("added", {}).status == 404
    added = "\n\n@app.lambda_function()\ndef added(event, context):\n    return 'here'\n"
    with reloaded(edited):
        edit(edited, "app.py", "\nVERSION = 'old'\n", added)
    assert edited.invoke("added", {}).body == b'"here"'


def test_handler_during_a_reload_completes(edited: Gateway) -> None:
    with client(edited.url) as guest, client(edited.url) as other:
        with waiting(edited, guest):
            with reloaded(edited):
                edit(edited, "app.py", "VERSION = 'old'", "VERSION = 'new'")
            assert ask(other, "eval VERSION") == "new"
        assert ask(guest, "eval VERSION") == "new"


@pytest.mark.full
def test_reload_during_the_load_of_a_spare_worker_loses_no_message(edited: Gateway) -> None:
    hold = "Path('hold').exists() and (Path('hold').rename('held'), spin())\nVERSION = "
    with reloaded(edited):
        edit(edited, "app.py", "VERSION = 'old'", f"{hold}'held'")
    with client(edited.url) as guest, ThreadPoolExecutor() as background:
        assert ask(guest, "hello") == "hello"
        (edited.project / "hold").touch()
        # These take the spare workers, until the gateway starts one that never ends its load, and
        # one of these or the next message waits for it.
        for _ in range(2):
            background.submit(edited.invoke, "aws", {})
        poll(lambda: (edited.project / "held").exists() or None)
        with reloaded(edited):
            edit(edited, "app.py", "VERSION = 'held'", "VERSION = 'new'")
            for _ in range(10):
                assert ask(guest, "hello") == "hello"
        assert ask(guest, "eval VERSION") == "new"


@pytest.mark.full
def test_reload_loses_no_message(edited: Gateway) -> None:
    with client(edited.url) as guest, client(edited.url) as other:
        before = edited.printed().count(RELOADED)
        version = "old"
        for times in range(1, 4):
            edit(edited, "app.py", f"VERSION = '{version}'", f"VERSION = '{times}'")
            version = str(times)
            while edited.printed().count(RELOADED) < before + times:
                exchange(guest, other)
            assert ask(guest, "eval VERSION") == version


def test_change_during_a_load_is_loaded(edited: Gateway) -> None:
    mark, gate = secrets.token_hex(4), secrets.token_hex(4)
    slow = f"Path('{mark}').touch(); wait_for('{gate}'); VERSION = 'slow'"
    edit(edited, "app.py", "VERSION = 'old'", slow)
    poll(lambda: (edited.project / mark).exists() or None)
    edit(edited, "app.py", slow, "VERSION = 'newest'")
    (edited.project / gate).touch()
    with client(edited.url) as guest:
        poll(lambda: ask(guest, "eval VERSION") == "newest" or None)


@pytest.mark.parametrize(
    ("broken", "message"),
    [("def (", "SyntaxError"), ("os._exit(1)", "importing app.py ended the process")],
)
def test_change_that_does_not_import_keeps_the_old_code(
    edited: Gateway, broken: str, message: str
) -> None:
    with client(edited.url) as guest, client(edited.url) as other:
        ids = [id_of(each) for each in (guest, other)]
        with reloaded(edited, NOT_RELOADED):
            edit(edited, "app.py", "VERSION = 'old'", broken)
        assert message in edited.printed()
        check_old_code(edited, guest, other)
        with reloaded(edited):
            edit(edited, "app.py", broken, "VERSION = 'new'")
        assert [ask(each, "eval VERSION") for each in (guest, other)] == ["new", "new"]
        assert [id_of(each) for each in (guest, other)] == ids


def check_old_code(gateway: Gateway, guest: ClientConnection, other: ClientConnection) -> None:
    # The second round uses the workers that the first one leaves.
    for _ in range(2):
        # More events at once than there are workers with the old code.
        exchange(guest, other)
        assert ask(guest, "eval VERSION") == "old"
        # This function and $disconnect have no worker of their own yet.
        answer = gateway.invoke("echo", {"eval": "VERSION"})
        assert json.loads(answer.body)["outcome"] == "old"
        with client(gateway.url) as third:
            connection_id = id_of(third)
        gateway.wait_for_disconnect(connection_id)


@pytest.mark.full
def test_change_that_imports_after_two_that_do_not_is_loaded(edited: Gateway) -> None:
    with client(edited.url) as guest, client(edited.url) as other:
        with reloaded(edited, NOT_RELOADED):
            edit(edited, "app.py", "VERSION = 'old'", "def (")
        with reloaded(edited, NOT_RELOADED):
            edit(edited, "app.py", "def (", "raise RuntimeError('no luck today')")
        assert "RuntimeError: no luck today" in edited.printed()
        check_old_code(edited, guest, other)
        with reloaded(edited):
            edit(edited, "app.py", "raise RuntimeError('no luck today')", "VERSION = 'new'")
        assert ask(guest, "eval VERSION") == "new"


def test_app_that_did_not_load_is_tried_again_without_workers(
    edited: Gateway, tmp_path: Path
) -> None:
    needed = tmp_path / "needed"
    with client(edited.url) as guest:
        with reloaded(edited, NOT_RELOADED):
            edit(edited, "app.py", "VERSION = 'old'", f"open({str(needed)!r})\nVERSION = 'new'")
        failures = edited.printed().count("FileNotFoundError")
        for worker in edited.workers(age=0):
            os.kill(worker, signal.SIGKILL)
        poll(lambda: not edited.workers(age=0) or None)
        guest.send("eval VERSION")

        def next_load_fails() -> bool | None:
            # A message that reaches a worker whose end the gateway has not noticed gets an error.
            with suppress(TimeoutError):
                guest.recv(timeout=0.1)
                guest.send("eval VERSION")
            return edited.printed().count("FileNotFoundError") > failures or None

        poll(next_load_fails)
        needed.touch()
        assert guest.recv(timeout=SECONDS) == "new"


@pytest.mark.full
def test_reload_ends_the_old_workers(edited: Gateway) -> None:
    with reloaded(edited):
        edit(edited, "app.py", "VERSION = 'old'", "VERSION = '0'")
    before = len(edited.processes())
    with client(edited.url) as guest, client(edited.url) as other:
        for times in range(4):
            exchange(guest, other)
            with reloaded(edited):
                edit(edited, "app.py", f"VERSION = '{times}'", f"VERSION = '{times + 1}'")
    # Each $disconnect may have a worker.
    poll(lambda: len(edited.processes()) <= before + 2 or None)


@pytest.mark.full
def test_change_that_hangs_does_not_block_the_next(edited: Gateway) -> None:
    before = edited.printed().count(NOT_RELOADED)
    edit(edited, "app.py", "VERSION = 'old'", "spin()")
    poll(lambda: edited.printed().count(NOT_RELOADED) > before or None)
    with reloaded(edited):
        edit(edited, "app.py", "\nspin()", "\nVERSION = 'new'")
    with client(edited.url) as guest:
        assert ask(guest, "eval VERSION") == "new"


def test_settings_other_than_json_keep_the_old_code(edited: Gateway) -> None:
    with client(edited.url) as guest:
        with reloaded(edited, NOT_RELOADED):
            edit(edited, ".chalice/config.json", '"version"', "version")
        assert "is not valid JSON" in edited.printed()
        assert ask(guest, "eval os.environ['GREETING']") == "old"

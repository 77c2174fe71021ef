"""The local gateway runs the newest code that loads, and keeps its connections."""

import json
import secrets
from collections.abc import Iterator
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


@pytest.fixture(scope="module")
def editable(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """It runs an app that tests edit."""
    tmp = tmp_path_factory.mktemp("editable")
    with serving(app, prepared(tmp / "bare"), tmp) as gateway:
        yield gateway


@pytest.fixture
def edited(editable: Gateway) -> Iterator[Gateway]:
    """The same, in order again after the test."""
    names = ("app.py", "chalicelib/words.py", ".chalice/config.json")
    texts = {editable.project / name: (editable.project / name).read_text() for name in names}
    yield editable
    with reloaded(editable):
        for path, text in texts.items():
            replace(path, text)


@pytest.mark.parametrize(
    ("name", "old", "new", "expression"),
    [
        ("app.py", "VERSION = 'old'", "VERSION = 'new'", "VERSION"),
        ("chalicelib/words.py", "'old'", "'new'", "WORD"),
        (".chalice/config.json", '"old"', '"new"', "os.environ['GREETING']"),
    ],
)
def test_next_message_runs_what_was_saved(
    edited: Gateway, name: str, old: str, new: str, expression: str
) -> None:
    with client(edited.url) as one, client(edited.url) as other:
        ids = [id_of(each) for each in (one, other)]
        assert ask(one, f"eval {expression}") == "old"
        with reloaded(edited):
            edit(edited, name, old, new)
        assert [ask(each, f"eval {expression}") for each in (one, other)] == ["new", "new"]
        answer = edited.invoke("echo", {"eval": expression})
        assert json.loads(answer.body)["outcome"] == "new"
        assert [id_of(each) for each in (one, other)] == ids


def test_new_function_can_be_invoked(edited: Gateway) -> None:
    assert edited.invoke("added", {}).status == 404
    added = "\n\n@app.lambda_function()\ndef added(event, context):\n    return 'here'\n"
    with reloaded(edited):
        edit(edited, "app.py", "\nVERSION = 'old'\n", added)
    assert edited.invoke("added", {}).body == b'"here"'


def test_handler_that_runs_during_a_reload_ends_in_order(edited: Gateway) -> None:
    with client(edited.url) as guest, client(edited.url) as other:
        with waiting(edited, guest):
            with reloaded(edited):
                edit(edited, "app.py", "VERSION = 'old'", "VERSION = 'new'")
            assert ask(other, "eval VERSION") == "new"
        assert ask(guest, "eval VERSION") == "new"


def test_reload_waits_for_nothing_that_is_used(edited: Gateway) -> None:
    """One process still loads the old code when the new code is there."""
    hold = "Path('hold').exists() and (Path('hold').rename('held'), wait_for('go'))\nVERSION = "
    with reloaded(edited):
        edit(edited, "app.py", "VERSION = 'old'", f"{hold}'held'")
    with client(edited.url) as guest:
        assert ask(guest, "hello") == "hello"
        (edited.project / "hold").touch()
        edited.invoke("aws", {})  # takes the process that is ready; the next one is begun
        poll(lambda: (edited.project / "held").exists() or None)
        before = edited.printed().count(RELOADED)
        edit(edited, "app.py", "VERSION = 'held'", "Path('loaded').touch(); VERSION = 'new'")
        poll(lambda: (edited.project / "loaded").exists() or None)
        for _ in range(10):
            assert ask(guest, "hello") == "hello"
        with waiting(edited, guest):
            (edited.project / "go").touch()
            edited.prints(RELOADED, times=before + 1)


def test_no_message_is_lost_in_a_reload(edited: Gateway) -> None:
    with client(edited.url) as guest, client(edited.url) as other:
        before = edited.printed().count(RELOADED)
        version = "old"
        for times in range(1, 4):
            edit(edited, "app.py", f"VERSION = '{version}'", f"VERSION = '{times}'")
            version = str(times)
            while edited.printed().count(RELOADED) < before + times:
                exchange(guest, other)
            assert ask(guest, "eval VERSION") == version


def test_save_while_the_last_one_loads_is_not_missed(edited: Gateway) -> None:
    mark, gate = secrets.token_hex(4), secrets.token_hex(4)
    slow = f"Path('{mark}').touch(); wait_for('{gate}'); VERSION = 'slow'"
    edit(edited, "app.py", "VERSION = 'old'", slow)
    poll(lambda: (edited.project / mark).exists() or None)
    edit(edited, "app.py", slow, "VERSION = 'newest'")
    (edited.project / gate).touch()
    with client(edited.url) as guest:
        poll(lambda: ask(guest, "eval VERSION") == "newest" or None)


@pytest.mark.parametrize(
    ("broken", "told"),
    [("def (", "SyntaxError"), ("os._exit(1)", "importing the app ends the process")],
)
def test_save_that_does_not_import_changes_nothing(edited: Gateway, broken: str, told: str) -> None:
    with client(edited.url) as guest, client(edited.url) as other:
        ids = [id_of(each) for each in (guest, other)]
        with reloaded(edited, NOT_RELOADED):
            edit(edited, "app.py", "VERSION = 'old'", broken)
        assert told in edited.printed()
        check_old_code(edited, guest, other)
        with reloaded(edited):
            edit(edited, "app.py", broken, "VERSION = 'new'")
        assert [ask(each, "eval VERSION") for each in (guest, other)] == ["new", "new"]
        assert [id_of(each) for each in (guest, other)] == ids


def check_old_code(gateway: Gateway, guest: ClientConnection, other: ClientConnection) -> None:
    for _ in range(2):  # the second time with what the first has left
        exchange(guest, other)  # more at once than there are processes with the old code
        assert ask(guest, "eval VERSION") == "old"
        # Neither this function nor $disconnect has run since the code was loaded.
        answer = gateway.invoke("echo", {"eval": "VERSION"})
        assert json.loads(answer.body)["outcome"] == "old"
        with client(gateway.url) as third:
            connection_id = id_of(third)
        gateway.disconnected(connection_id)


def test_good_save_follows_two_bad_ones(edited: Gateway) -> None:
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


def exhaust(guest: ClientConnection) -> None:
    """End the processes there are, one after the other, until none is left to answer."""
    for _ in range(20):
        guest.send("eval os._exit(1)")
        guest.recv(timeout=2)


def test_what_could_not_be_loaded_is_tried_again(edited: Gateway, tmp_path: Path) -> None:
    """Where no process of before is left, nothing else would ever bring one back."""
    needed = tmp_path / "needed"
    with client(edited.url) as guest:
        with reloaded(edited, NOT_RELOADED):
            edit(edited, "app.py", "VERSION = 'old'", f"open({str(needed)!r})\nVERSION = 'new'")
        with pytest.raises(TimeoutError):
            exhaust(guest)
        needed.touch()
        assert "Internal server error" in str(guest.recv(timeout=SECONDS))
        assert ask(guest, "eval VERSION") == "new"


def test_reload_leaves_no_process_of_before(edited: Gateway) -> None:
    with reloaded(edited):
        edit(edited, "app.py", "VERSION = 'old'", "VERSION = '0'")
    few = len(edited.processes())
    with client(edited.url) as guest, client(edited.url) as other:
        for times in range(4):
            exchange(guest, other)
            with reloaded(edited):
                edit(edited, "app.py", f"VERSION = '{times}'", f"VERSION = '{times + 1}'")
    poll(lambda: len(edited.processes()) <= few + 2 or None)  # and one for each $disconnect


@pytest.mark.slow
def test_save_that_hangs_does_not_keep_the_next_from_loading(edited: Gateway) -> None:
    before = edited.printed().count(NOT_RELOADED)
    edit(edited, "app.py", "VERSION = 'old'", "spin()")
    poll(lambda: edited.printed().count(NOT_RELOADED) > before or None, 60)
    with reloaded(edited):
        edit(edited, "app.py", "\nspin()", "\nVERSION = 'new'")
    with client(edited.url) as guest:
        assert ask(guest, "eval VERSION") == "new"


def test_settings_that_are_not_json_change_nothing(edited: Gateway) -> None:
    with client(edited.url) as guest:
        with reloaded(edited, NOT_RELOADED):
            edit(edited, ".chalice/config.json", '"version"', "version")
        assert "is not valid JSON" in edited.printed()
        assert ask(guest, "eval os.environ['GREETING']") == "old"

"""The local gateway runs functions as Lambda does, each apart, and the newest code that loads."""

import json
import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree
from urllib.parse import quote

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection

from tests.gateway import (
    APPS,
    SECONDS,
    Gateway,
    ask,
    client,
    configure,
    id_of,
    poll,
    replace,
    running,
    serving,
)

# What a handler does to itself, its process being left in no state to go on.
ENDS = ["os._exit(3)", "sys.exit(3)", "os.kill(os.getpid(), signal.SIGKILL)", "ctypes.string_at(0)"]

RELOADED = "loaded again"
NOT_RELOADED = "the code from before goes on"


@pytest.fixture(scope="module")
def bare(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    own = {"websocket_connect": {"environment_variables": {"OWN": "connect's"}}}
    stages = {"dev": {"lambda_functions": own}}
    with running(app, "bare", tmp_path_factory.mktemp("bare"), stages=stages) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def brief(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Its functions have a second."""
    with running(app, "bare", tmp_path_factory.mktemp("brief"), lambda_timeout=1) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def hasty(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """It waits for its functions for a second."""
    tmp = tmp_path_factory.mktemp("hasty")
    with running(app, "bare", tmp, "--integration-timeout=1") as gateway:
        yield gateway


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


def check_problem(gateway: Gateway, text: str, told: str, problem: str) -> None:
    context = gateway.said(text)["requestContext"]
    ids = {name: context[name] for name in ("connectionId", "requestId")}
    assert json.loads(told) == {"message": problem, **ids}


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


# Isolation


def test_global_of_a_function_is_its_own(bare: Gateway) -> None:
    name = f"g{secrets.token_hex(4)}"
    # The same environment serves the next event, as that of a Lambda function which is warm.
    for code in (f"globals().setdefault('{name}', 'set')", f"globals().get('{name}')"):
        answer = bare.invoke("echo", {"eval": code})
        assert json.loads(answer.body)["outcome"] == "set"
    look = f"globals().get('{name}')"
    with client(f"{bare.url}?mark={name}&eval={look}") as guest:
        assert ask(guest, f"eval {look}") == "None"
    line = bare.event(lambda event: name in event.get("queryStringParameters", {}).values())
    assert line["outcome"] == "None"


def test_variable_of_a_function_is_its_own(bare: Gateway) -> None:
    mark = secrets.token_hex(4)
    with client(f"{bare.url}?mark={mark}&eval=os.environ.get('OWN')") as guest:
        connection_id = id_of(guest)
        assert ask(guest, "eval os.environ.get('OWN')") == "None"
        assert ask(guest, "eval os.environ['GREETING']") == "hello"
    bare.disconnected(connection_id)
    lines = {
        line["event"]["requestContext"]["routeKey"]: line
        for line in bare.events()
        if line["event"]["requestContext"]["connectionId"] == connection_id
    }
    assert lines["$connect"]["outcome"] == "connect's"
    assert lines["$disconnect"]["variable"] is None
    answer = bare.invoke("echo", {"eval": "os.environ.get('OWN')"})
    assert json.loads(answer.body)["outcome"] == "None"


@pytest.mark.parametrize("code", [*ENDS, "recurse()"])
def test_handler_that_breaks_harms_itself_alone(bare: Gateway, code: str) -> None:
    text = f"eval {code}  # {secrets.token_hex(4)}"
    with client(bare.url) as guest, client(bare.url) as other:
        with waiting(bare, other):
            check_problem(bare, text, ask(guest, text), "Internal server error")
            assert ask(guest, "still there") == "still there"
        assert ask(other, "there too") == "there too"


@pytest.mark.parametrize("code", ENDS)
def test_connect_handler_that_ends_its_process_gives_502(bare: Gateway, code: str) -> None:
    with pytest.raises(InvalidStatus) as refused, client(f"{bare.url}?eval={quote(code)}"):
        pass
    assert refused.value.response.status_code == 502
    with client(bare.url) as guest:
        assert ask(guest, "hello") == "hello"


def test_handler_past_its_timeout_is_ended(brief: Gateway) -> None:
    text = f"eval spin()  # {secrets.token_hex(4)}"
    with client(brief.url) as guest, client(brief.url) as other:
        guest.send(text)
        brief.said(text)
        assert ask(other, "meanwhile") == "meanwhile"
        told = str(guest.recv(timeout=SECONDS))
        check_problem(brief, text, told, "Internal server error")
        assert [ask(each, "still there") for each in (guest, other)] == ["still there"] * 2


def test_many_handlers_past_their_timeout_are_ended(brief: Gateway) -> None:
    """Each of them leaves the gateway a channel less, which must not be confused with others."""
    with client(brief.url) as guest:
        for _ in range(4):
            guest.send("eval spin()")
        told = [json.loads(guest.recv(timeout=SECONDS))["message"] for _ in range(4)]
        assert told == ["Internal server error"] * 4
        for _ in range(4):
            with client(brief.url) as other:
                assert ask(other, "hello") == "hello"
        assert ask(guest, "still there") == "still there"


def test_invoke_tells_why_a_function_has_ended(brief: Gateway) -> None:
    answer = brief.invoke("echo", {"eval": "spin()"})
    assert answer.headers["X-Amz-Function-Error"] == "Unhandled"
    assert json.loads(answer.body)["errorMessage"] == "Task timed out after 1.00 seconds"


def test_process_that_ends_between_events_is_replaced(bare: Gateway) -> None:
    def pid() -> str | None:
        outcome = json.loads(bare.invoke("echo", {"eval": "os.getpid()"}).body).get("outcome")
        return str(outcome) if outcome else None  # none, if the event came to what has ended

    victim = poll(pid)
    os.kill(int(victim), signal.SIGKILL)
    assert poll(pid) != victim


def test_processes_that_end_before_their_first_event_are_replaced(bare: Gateway) -> None:
    assert bare.invoke("echo", {}).status == 200
    poll(lambda: len(bare.workers()) == len(bare.workers(age=0)) or None)
    for victim in bare.workers():  # one of them waits for its first event
        os.kill(victim, signal.SIGKILL)
    poll(lambda: not bare.workers() or None)
    with client(bare.url) as guest:
        assert ask(guest, "hello") == "hello"


def test_large_event_and_value_pass(bare: Gateway) -> None:
    text = "é\n" * 500_000
    answer = bare.invoke("echo", {"text": text})
    assert json.loads(answer.body)["event"] == {"text": text}


# The time that API Gateway waits


def test_handler_past_the_integration_timeout_goes_on(hasty: Gateway) -> None:
    gate = secrets.token_hex(4)
    with client(hasty.url) as guest:
        told = ask(guest, f"wait {gate}")
        check_problem(hasty, f"wait {gate}", told, "Endpoint request timed out")
        (hasty.project / gate).touch()
        assert guest.recv(timeout=SECONDS) == f"wait {gate}"
        assert ask(guest, "still there") == "still there"


def test_connect_past_the_integration_timeout_is_refused(hasty: Gateway) -> None:
    gate = secrets.token_hex(4)
    try:
        with pytest.raises(InvalidStatus) as refused, client(f"{hasty.url}?wait={gate}"):
            pass
        connection_id = hasty.connected(gate)["requestContext"]["connectionId"]
        assert hasty.http("GET", hasty.connections(connection_id)).status == 410
    finally:
        (hasty.project / gate).touch()
    assert refused.value.response.status_code == 504


# Reload


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
    [
        ("def (", "SyntaxError"),
        ("os._exit(1)", "importing the app ends the process"),
    ],
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
        assert "is not JSON" in edited.printed()
        assert ask(guest, "eval os.environ['GREETING']") == "old"


# How many processes


def test_without_workers_handlers_run_in_the_gateway(app: Path, tmp_path: Path) -> None:
    with running(app, "bare", tmp_path, "--workers=0") as gateway:
        with client(f"{gateway.url}?mark=here&eval=os.getpid()") as guest:
            assert ask(guest, "eval os.getpid()") == str(gateway.pid)
        line = gateway.event(lambda event: "queryStringParameters" in event)
        assert line["outcome"] == str(gateway.pid)
        answer = gateway.invoke("echo", {"eval": "os.getpid()"})
        assert json.loads(answer.body)["outcome"] == str(gateway.pid)


def test_with_one_worker_messages_queue(app: Path, tmp_path: Path) -> None:
    with (
        running(app, "bare", tmp_path, "--workers=1") as gateway,
        client(gateway.url) as guest,
        client(gateway.url) as other,
    ):
        with waiting(gateway, guest):
            other.send("second")
            assert other.ping().wait(SECONDS)  # so the gateway has read the message too
            # Another function does not wait for this one.
            assert gateway.invoke("echo", {}).status == 200
            assert "second" not in [line["event"].get("body") for line in gateway.events()]
        assert other.recv(timeout=SECONDS) == "second"


# The end


def warm_up(gateway: Gateway, guest: ClientConnection) -> None:
    """Run each handler, so that none has to wait for code that does not load."""
    with client(gateway.url) as other:
        ids = [id_of(each) for each in (guest, other)]
    gateway.disconnected(ids[1])


@pytest.fixture
def spinning(app: Path, tmp_path: Path) -> Iterator[Gateway]:
    """Nothing in it ends by itself: its handlers spin, and the code that it loads does."""
    with (
        serving(app, prepared(tmp_path / "bare"), tmp_path) as gateway,
        client(gateway.url) as guest,
    ):
        warm_up(gateway, guest)
        for text in ("eval spin()  # one", "eval spin()  # other"):
            guest.send(text)
            gateway.said(text)
        edit(gateway, "app.py", "VERSION = 'old'", "Path('loading').touch(); spin()")
        poll(lambda: (gateway.project / "loading").exists() or None)
        yield gateway


@pytest.fixture
def broken(app: Path, tmp_path: Path) -> Iterator[Gateway]:
    """A spinning handler, and the code on the disk does not load."""
    with (
        serving(app, prepared(tmp_path / "bare"), tmp_path) as gateway,
        client(gateway.url) as guest,
    ):
        warm_up(gateway, guest)
        with reloaded(gateway, NOT_RELOADED):
            edit(gateway, "app.py", "VERSION = 'old'", "def (")
        guest.send("eval spin()")
        gateway.said("eval spin()")
        yield gateway


@pytest.mark.parametrize(
    ("number", "state"),
    [
        (signal.SIGINT, "spinning"),
        (signal.SIGTERM, "broken"),
        (signal.SIGKILL, "spinning"),
        (signal.SIGKILL, "broken"),
    ],
)
def test_nothing_is_left(
    request: pytest.FixtureRequest, number: signal.Signals, state: str
) -> None:
    gateway: Gateway = request.getfixturevalue(state)
    gateway.signal(number)
    assert gateway.status() == (-number if number == signal.SIGKILL else 0)
    gateway.leaves_nothing()


def test_spinning_handler_in_the_gateway_does_not_hold_up_its_end(
    app: Path, tmp_path: Path
) -> None:
    with (
        running(app, "bare", tmp_path, "--workers=0") as gateway,
        client(gateway.url) as guest,
    ):
        guest.send("eval spin()")
        gateway.said("eval spin()")
        gateway.signal(signal.SIGINT)
        assert gateway.status() == 0
        gateway.leaves_nothing()


def test_nothing_is_left_of_the_tables(app: Path, tmp_path: Path) -> None:
    """DynamoDB is a process too."""
    with serving(app, app, tmp_path) as gateway:
        assert "-connections" in gateway.printed()
        gateway.signal(signal.SIGKILL)
        gateway.leaves_nothing()

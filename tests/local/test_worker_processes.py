"""The processes and threads that handlers start, and what passes between worker and gateway."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.gateway import Gateway, ask, client, poll, running

pytestmark = pytest.mark.full

# Code that runs another process, and its value.
STARTS = [
    ("mp.get_context('spawn').Pool(1).map(len, ['four'])", "[4]"),
    (
        "__import__('concurrent.futures').futures.ProcessPoolExecutor(1)"
        ".submit(len, 'four').result()",
        "4",
    ),
    ("[(p := mp.Pool(1)).map(len, ['four']), p.terminate(), p.join()][0]", "[4]"),
    ("[(p := mp.Process(target=len, args=('four',))).start(), p.join(), p.exitcode][-1]", "0"),
    ("__import__('subprocess').check_output(['echo', 'four'])", r"b'four\n'"),
]

# Code that starts a process which runs on, and returns its id.
LASTING = [
    "__import__('subprocess').Popen(['sleep', '1000']).pid",
    "[(p := mp.Process(target=time.sleep, args=(1000,))).start(), p.pid][-1]",
]

# More levels of lists than Python's JSON parser takes, and some that only a part of the way takes.
DEPTHS = [100, 940, 960, 970, 980, 990, 100_000]


@pytest.fixture(scope="module", params=["--workers=1", "--workers=0"])
def gateway(
    request: pytest.FixtureRequest, app: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    with running(app, "bare", tmp_path_factory.mktemp("bare"), request.param) as each:
        yield each


@pytest.fixture(scope="module")
def single(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway with one worker for each function, which times out after 2 s."""
    tmp = tmp_path_factory.mktemp("single")
    with running(app, "bare", tmp, "--workers=1", lambda_timeout=2) as each:
        yield each


def outcome(gateway: Gateway, code: str) -> str:
    """Evaluate code in a function of the app; return the value, or the error's text."""
    code = code.replace("mp.", "__import__('multiprocessing').")
    found = json.loads(gateway.invoke("echo", {"eval": code}).body)
    return str(found.get("outcome", found.get("errorMessage")))


def has_ended(pid: int) -> bool:
    """Return whether a process has ended, also if its parent has not noticed."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize(("code", "value"), STARTS)
def test_handler_may_start_processes(gateway: Gateway, code: str, value: str) -> None:
    assert outcome(gateway, code) == value
    assert outcome(gateway, "4") == "4"


def test_handler_may_wait_for_a_process(single: Gateway) -> None:
    code = "[(p := mp.Process(target=print)).start(), p.join(), p.exitcode][-1]"
    poll(lambda: outcome(single, code) == "0" or None)


def test_thread_that_runs_on_does_not_delay_the_answer(gateway: Gateway) -> None:
    thread = "__import__('threading').Thread(target=time.sleep, args=(1000,))"
    assert outcome(gateway, f"{thread}.start()") == "None"
    assert outcome(gateway, "4") == "4"


@pytest.mark.parametrize("code", LASTING)
def test_process_of_a_handler_ends_with_its_worker(single: Gateway, code: str) -> None:
    pid = int(poll(lambda: found if (found := outcome(single, code)).isdecimal() else None))
    assert not has_ended(pid)
    assert outcome(single, "spin()") == "Task timed out after 2.00 seconds"
    poll(lambda: has_ended(pid) or None)


@pytest.mark.parametrize("code", LASTING)
def test_process_of_a_handler_does_not_keep_an_ended_worker(single: Gateway, code: str) -> None:
    """The gateway reads the end of the channel, and does not wait for the function's timeout."""
    ends = f"[{code}, os.kill(os.getpid(), signal.SIGKILL)]"
    poll(lambda: outcome(single, ends) == "Runtime exited" or None)


@pytest.mark.parametrize(
    ("code", "number"), list(zip(LASTING, [signal.SIGKILL, signal.SIGINT], strict=True))
)
def test_process_of_a_handler_ends_with_the_gateway(
    app: Path, tmp_path: Path, code: str, number: signal.Signals
) -> None:
    with running(app, "bare", tmp_path, "--workers=1") as gateway:
        pid = int(outcome(gateway, code))
        assert not has_ended(pid)
        gateway.signal(number)
        gateway.wait_until_all_end()
        assert has_ended(pid)


def test_answer_with_another_number_is_ignored(app: Path, tmp_path: Path) -> None:
    """A late answer must not become that of the next event."""
    late = r"b'{\"number\": 1, \"result\": \"{\\\"value\\\": \\\"late\\\"}\"}\n'"
    sockets = "fd in os.listdir('/proc/self/fd')"
    is_socket = "os.path.realpath(f'/proc/self/fd/{fd}').rpartition('/')[2].startswith('socket:')"
    with running(app, "bare", tmp_path, "--workers=1") as gateway:
        # The first event has number 1, and its answer is taken.
        code = f"[os.write(int(fd), {late}) for {sockets} if {is_socket}]"
        assert gateway.invoke("echo", {"eval": "1"}).status == 200
        assert outcome(gateway, code).startswith("[")
        assert outcome(gateway, "4") == "4"


@pytest.mark.parametrize("depth", DEPTHS)
def test_nested_event_leaves_no_process(gateway: Gateway, depth: int) -> None:
    path = "/2015-03-31/functions/echo/invocations"
    before = len(gateway.processes())
    answer = gateway.http("POST", path, b'{"deep": ' + b"[" * depth + b"]" * depth + b"}")
    if answer.status == 200:
        # The test's own parser would take no more levels.
        assert answer.body.startswith(b'{"event"') or b'"RecursionError"' in answer.body
    else:
        assert answer.status == 400
        assert answer.headers["x-amzn-ErrorType"] == "InvalidRequestContentException"
    assert outcome(gateway, "4") == "4"
    assert len(gateway.processes()) <= before


def test_nested_message_is_passed(gateway: Gateway) -> None:
    text = "[" * 10_000 + "]" * 10_000
    with client(gateway.url) as guest:
        assert ask(guest, text) == text
        assert "Internal server error" in ask(guest, f"json {text}"[:30_000])

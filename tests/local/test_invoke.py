"""The command chalice-ws invoke."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from tests.local.gateway import APPS, SECONDS, Gateway, client, running
from tests.local.machine import environment

pytestmark = pytest.mark.full

# Nothing listens there.
NO_PORT = "1"


@pytest.fixture(scope="module")
def jobs(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run the app with functions of every kind."""
    with running(app, "jobs", tmp_path_factory.mktemp("jobs")) as gateway:
        yield gateway


def invoke(
    app: Path, project: Path, port: int | str, *arguments: str, given: str = ""
) -> "subprocess.CompletedProcess[str]":
    """Run the command."""
    command = [sys.executable, "-m", "chalice_ws", "invoke", *arguments]
    return subprocess.run(
        [*command, f"--project-dir={project}", f"--port={port}"],
        cwd=app,
        env=environment(project.parent),
        input=given,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("on_alarm", ["Hello", '{"hello": "world"}']),
        ("on_picture", ["pictures", "hello.txt"]),
        ("on_click", ['{"hello": "world"}']),
        ("on_row", [["seen", "INSERT", {"id": {"S": "1"}}]]),
        ("on_event", ["aws.ec2", "Local Event"]),
        ("other_queue", ['{"hello": "world"}']),
    ],
)
def test_sample_event_suits_the_function(
    app: Path, jobs: Gateway, name: str, expected: object
) -> None:
    done = invoke(app, jobs.project, jobs.port, name)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == expected


@pytest.mark.parametrize("is_running", [True, False])
def test_result_is_json_with_the_variables_of_the_function(
    app: Path, jobs: Gateway, is_running: bool
) -> None:
    port = jobs.port if is_running else NO_PORT
    done = invoke(app, jobs.project, port, "nightly")
    assert done.returncode == 0, done.stderr
    # What the function prints is not part of the result.
    result = json.loads(done.stdout)
    assert (result["source"], result["own"]) == ("aws.events", "of nightly")
    assert ("good night" in done.stderr) is not is_running


def test_function_uses_the_connections_and_tables_of_the_gateway(app: Path, jobs: Gateway) -> None:
    with client(jobs.url) as guest:
        # The first message shows that the connection is in the table.
        guest.send("who")
        guest.recv(SECONDS)
        done = invoke(app, jobs.project, jobs.port, "minutely")
        assert int(done.stdout) >= 1, done.stderr
        assert str(guest.recv(SECONDS)).startswith("it is 20")


def test_function_without_a_gateway_has_empty_tables(app: Path, jobs: Gateway) -> None:
    done = invoke(app, jobs.project, NO_PORT, "count")
    assert json.loads(done.stdout)["connections"] == 0
    assert done.stderr.startswith("No local gateway serves the app at port 1;")


def test_event_comes_from_a_file_or_stdin(app: Path, jobs: Gateway, tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_text('{"a": 1}')
    done = invoke(app, jobs.project, jobs.port, "count", f"--event={file}")
    assert json.loads(done.stdout)["event"] == {"a": 1}
    done = invoke(app, jobs.project, NO_PORT, "count", "--event=-", given='{"b": 2}')
    assert json.loads(done.stdout)["event"] == {"b": 2}


@pytest.mark.parametrize("is_running", [True, False])
def test_failure_is_a_traceback_and_one_line(app: Path, jobs: Gateway, is_running: bool) -> None:
    done = invoke(app, jobs.project, jobs.port if is_running else NO_PORT, "fail")
    assert (done.returncode, done.stdout) == (1, "")
    *stack, last = done.stderr.splitlines()
    assert last == "error: fail failed (ValueError: as ordered); correct it"
    assert any("app.py" in line for line in stack)
    if is_running:
        assert "site-packages" not in done.stderr


def test_function_that_ends_its_process_is_a_failure(app: Path, jobs: Gateway) -> None:
    done = invoke(app, jobs.project, NO_PORT, "fail", "--event=-", given='"exit"')
    assert (done.returncode, done.stdout) == (1, "")
    assert "Runtime exited" in done.stderr.splitlines()[-1]


def test_wrong_name_is_one_line(app: Path, jobs: Gateway) -> None:
    done = invoke(app, jobs.project, jobs.port, "nobody")
    (line,) = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert line.startswith("error: the app has no such function (got 'nobody'); use one of ")


@pytest.mark.parametrize("text", [None, "{", "\udcff"])
def test_wrong_event_is_one_line(
    app: Path, jobs: Gateway, tmp_path: Path, text: str | None
) -> None:
    file = tmp_path / "event.json"
    if text is not None:
        file.write_bytes(text.encode(errors="surrogateescape"))
    done = invoke(app, jobs.project, jobs.port, "count", f"--event={file}")
    (line,) = done.stderr.splitlines()
    assert (done.returncode, done.stdout) == (2, "")
    assert line.startswith("error: ")


def test_app_that_does_not_import_is_one_line_after_its_traceback(
    app: Path, tmp_path: Path
) -> None:
    project = copytree(APPS / "failing", tmp_path / "failing")
    done = invoke(app, project, NO_PORT, "any")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("error: ")

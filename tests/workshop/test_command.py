"""The command `chalice-ws lesson`: it copies, compares and checks."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.local.gateway import serving
from tests.workshop.pages import PAGES, WORKSHOP
from tests.workshop.reader import Reader, reading


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    with reading(tmp_path) as each:
        yield each


def lesson(reader: Reader, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `chalice-ws lesson` in the reader's folder."""
    return subprocess.run(
        ["chalice-ws", "lesson", *arguments],
        cwd=reader.folder,
        env=reader.environment,
        capture_output=True,
        text=True,
    )


def contents(folder: Path) -> dict[str, bytes]:
    """Return the content of each file below a folder."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_lesson_without_a_number_lists_all(reader: Reader) -> None:
    done = lesson(reader)
    assert done.returncode == 0
    assert len(re.findall(r"^ *\d+  .+ \(\d+ minutes\)$", done.stdout, re.MULTILINE)) == len(PAGES)


def test_lesson_copies_its_app_and_says_no_difference(reader: Reader) -> None:
    done = lesson(reader, "3")
    assert (done.returncode, done.stderr) == (0, "")
    assert contents(reader.folder) == contents(WORKSHOP / "03-who-is-here")
    assert "03-who-is-here.md" in done.stdout
    done = lesson(reader, "3", "--diff")
    assert (done.returncode, done.stdout) == (0, "Your files are those of lesson 3.\n")


def test_lesson_never_writes_over_other_work(reader: Reader) -> None:
    (reader.folder / "app.py").write_text("mine = 1\n")
    done = lesson(reader, "2")
    assert done.returncode == 1
    assert re.fullmatch(
        r"error: your own work is in \. \(got app\.py\); see --diff, .*\n", done.stderr
    )
    assert contents(reader.folder) == {"app.py": b"mine = 1\n"}
    done = lesson(reader, "2", "new/folder")
    assert done.returncode == 0
    assert contents(reader.folder / "new/folder") == contents(WORKSHOP / "02-events")


def test_lesson_that_cannot_be_written_leaves_nothing(reader: Reader) -> None:
    # The second file of the lesson cannot be written: a folder stands there as a file.
    (reader.folder / "web").write_text("")
    done = lesson(reader, "1")
    assert done.returncode == 1
    assert done.stderr.startswith("error: cannot ")
    assert done.stderr.count("\n") == 1
    assert contents(reader.folder) == {"web": b""}
    assert [path.name for path in reader.folder.iterdir()] == ["web"]


@pytest.mark.parametrize("number", ["0", "99", "x", "-1", "1.5"])
def test_lesson_that_does_not_exist_is_one_line(reader: Reader, number: str) -> None:
    done = lesson(reader, number)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: there is no such lesson (got '{number}'); use a number")
    assert list(reader.folder.iterdir()) == []


def test_diff_shows_what_differs(reader: Reader) -> None:
    lesson(reader, "1")
    app = reader.folder / "app.py"
    app.write_text(app.read_text().replace("event.body", "event.body.upper()"))
    (reader.folder / "requirements.txt").unlink()
    done = lesson(reader, "1", "--diff")
    assert done.returncode == 1
    assert "-    app.websocket_api.send(event.connection_id, event.body.upper())" in done.stdout
    assert "+    app.websocket_api.send(event.connection_id, event.body)" in done.stdout
    assert "+boto3" in done.stdout


def test_check_without_a_running_app_says_so(reader: Reader) -> None:
    done = lesson(reader, "1", "--check")
    assert done.returncode == 1
    assert re.fullmatch(
        r"error: no app runs at ws://.*; start it with chalice-ws local, .*\n", done.stderr
    )


@pytest.mark.full
def test_check_gives_a_hint_for_each_thing_that_is_missing(
    app: Path, reader: Reader, tmp_path: Path
) -> None:
    """The app of lesson 4 has what lessons 4 and 5 share, and lacks the rest of lesson 5."""
    folder = WORKSHOP / "04-tell-everybody"
    with serving(app, folder, tmp_path) as gateway:
        done = lesson(reader, "4", str(folder), "--check", "--url", gateway.url)
        assert (done.returncode, done.stdout.count("ok ")) == (0, 3), done.stdout
        done = lesson(reader, "5", str(folder), "--check", "--url", gateway.url)
    assert done.returncode == 1
    assert re.findall("^(ok|missing)", done.stdout, re.MULTILINE) == ["ok"] * 3 + ["missing"] * 3
    hints = re.findall("^ +hint: (.*)", done.stdout, re.MULTILINE)
    assert [hint.split()[0] for hint in hints] == ["count", "add", "read"]
    assert "3 of 6 things are missing" in done.stdout


def test_generated_app_has_no_lessons_and_says_where_they_are(app: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-B", "-m", "chalice_ws", "lesson", "1"],
        cwd=app,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: this copy of the toolkit has no lessons; install")

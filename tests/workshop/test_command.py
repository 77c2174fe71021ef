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


def test_lesson_replaces_another_one_that_is_as_it_came(reader: Reader) -> None:
    lesson(reader, "10")
    # Empty lines do not count as work, and files of no lesson are left alone.
    app = reader.folder / "app.py"
    app.write_text(app.read_text().replace("\n\n\n", "\n\n"))
    (reader.folder / "notes.md").write_text("mine\n")
    done = lesson(reader, "5")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\nThey replace the app of lesson 10, which was as it came.\n" in done.stdout
    expected = contents(WORKSHOP / "05-the-gone")
    assert contents(reader.folder) == {**expected, "notes.md": b"mine\n"}
    assert not (reader.folder / "chalicelib").exists()


def test_lesson_keeps_files_of_two_lessons(reader: Reader) -> None:
    """One changed file, or one of a later lesson, makes all of them the reader's own work."""
    lesson(reader, "4")
    later = (WORKSHOP / "06-channels" / "app.py").read_bytes()
    (reader.folder / "app.py").write_bytes(later)
    before = contents(reader.folder)
    done = lesson(reader, "5")
    assert done.returncode == 1
    assert "your own work is in . (got app.py, resources.json)" in done.stderr
    assert contents(reader.folder) == before


def test_lesson_that_cannot_be_written_leaves_nothing(reader: Reader) -> None:
    # The second file of the lesson cannot be written: a folder stands there as a file.
    (reader.folder / "web").write_text("")
    done = lesson(reader, "1")
    assert done.returncode == 1
    assert done.stderr.startswith("error: cannot ")
    assert done.stderr.count("\n") == 1
    assert contents(reader.folder) == {"web": b""}
    assert [path.name for path in reader.folder.iterdir()] == ["web"]


@pytest.mark.parametrize("options", [["--check"], ["--diff"], ["1", "--check", "--diff"]])
def test_options_that_do_not_fit_are_refused(reader: Reader, options: list[str]) -> None:
    done = lesson(reader, *options)
    assert done.returncode == 2
    assert re.search("^chalice-ws lesson: error: .*(missing|not allowed with)", done.stderr, re.M)


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


def test_diff_leaves_out_empty_lines_and_names_the_line(reader: Reader) -> None:
    lesson(reader, "2")
    app = reader.folder / "app.py"
    text = app.read_text().replace("\n\n", "\n").replace("    show(event)\n", "    show(event)  \n")
    app.write_text(text)
    assert lesson(reader, "2", "--diff").returncode == 0
    app.write_text(text.replace('"type": "error"', '"type": "mistake"'))
    done = lesson(reader, "2", "--diff")
    changes = [line for line in done.stdout.splitlines() if line[0] in "+-"][2:]
    assert [change.strip("+- ")[:18] for change in changes] == ['reply = {"type": "'] * 2
    (number,) = re.findall(r"^@@ line (\d+) @@$", done.stdout, re.MULTILINE)
    first = done.stdout.split("@@\n")[1].splitlines()[0][1:]
    assert app.read_text().splitlines()[int(number) - 1].rstrip() == first


@pytest.mark.parametrize(
    "where",
    [
        [],
        ["--port", "70000"],
        ["--url", "nonsense"],
        ["--url", "ws://[bad"],
        ["--url", "http://127.0.0.1:9/api"],
    ],
)
def test_check_without_a_running_app_says_so(reader: Reader, where: list[str]) -> None:
    done = lesson(reader, "1", "--check", ".", *where)
    assert done.returncode == 1
    assert re.fullmatch(
        r"error: no app runs at \S+ \(got .*; start it with chalice-ws local, .*\n", done.stderr
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


@pytest.mark.full
def test_check_against_the_gateway_of_another_folder_says_so(
    app: Path, reader: Reader, tmp_path: Path
) -> None:
    lesson(reader, "1")
    other = WORKSHOP / "01-echo"
    with serving(app, other, tmp_path) as gateway:
        port = str(gateway.port)
        done = lesson(reader, "1", "--check", "--port", port)
        own = lesson(reader, "1", str(other), "--check", "--port", port)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"error: the gateway at port {port} serves another folder (got {other}); end that gateway, "
        f"or use another port, or check {other}\n"
    )
    assert own.returncode == 0, own.stdout + own.stderr


@pytest.mark.full
def test_check_where_nobody_can_connect_finds_nothing_ok(
    app: Path, reader: Reader, tmp_path: Path
) -> None:
    """Checks of files, and of strangers who are refused, are not ok either."""
    lesson(reader, "10")
    config = reader.folder / ".chalice" / "config.json"
    refusing = "tokens.user_of(token)"
    path = reader.folder / "app.py"
    path.write_text(path.read_text().replace(refusing, 'tokens.user_of("x")'))
    assert '"AUTH"' in config.read_text()
    with serving(app, reader.folder, tmp_path) as gateway:
        for number in ("4", "10"):
            done = lesson(reader, number, "--check", "--port", str(gateway.port))
            assert done.returncode == 1
            assert "ok " not in done.stdout
            assert "let clients connect (got server rejected" in done.stdout


@pytest.mark.full
def test_generated_app_has_no_lessons_and_says_where_they_are(app: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-B", "-m", "chalice_ws", "lesson", "1"],
        cwd=app,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: this copy of the toolkit has no lessons; install")

"""A class: thirty people on one gateway, the wheelhouse, the dev container, and the browser."""

import json
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from websockets.sync.client import connect

from tests.conftest import ROOT
from tests.installing import PIP_VARIABLES, check_installed
from tests.local.gateway import SECONDS, poll, serving
from tests.workshop.pages import WORKSHOP, Console, steps
from tests.workshop.reader import reading

PEOPLE = 30


@pytest.mark.full
def test_thirty_people_on_one_gateway_hear_each_other(app: Path, tmp_path: Path) -> None:
    with serving(app, WORKSHOP / "06-channels", tmp_path) as gateway, ExitStack() as stack:
        people = [
            stack.enter_context(connect(gateway.url, proxy=None, open_timeout=SECONDS))
            for _ in range(PEOPLE)
        ]
        for number, socket in enumerate(people):
            socket.send(json.dumps({"action": "broadcast", "data": number}))
        for socket in people:
            heard: set[int] = set()
            while len(heard) < PEOPLE:
                frame = json.loads(socket.recv(SECONDS))
                if frame["type"] == "message":
                    heard.add(frame["data"])


def shown(driver: Chrome) -> str:
    return driver.find_element(By.TAG_NAME, "pre").text


def test_page_of_the_lessons_shows_what_they_say(app: Path, driver: Chrome, tmp_path: Path) -> None:
    """Lesson 1: the page shows open, then what is sent and received. Lesson 10: with a token."""
    with serving(app, WORKSHOP / "01-echo", tmp_path) as gateway:
        driver.get(gateway.page)
        poll(lambda: "open" in shown(driver) or None)
        driver.find_element(By.TAG_NAME, "input").send_keys("hello\n")
        poll(lambda: shown(driver).splitlines() == ["open", "> hello", "< hello"] or None)
    (tmp_path / "ten").mkdir()
    with serving(app, WORKSHOP / "10-who-are-you", tmp_path / "ten") as gateway:
        driver.get(gateway.page)
        poll(lambda: "closed: 1006" in shown(driver) or None)
        body = json.dumps({"user": "ann"}).encode()
        token = json.loads(gateway.http("POST", "/issuer/token", body).body)["token"]
        driver.get(f"{gateway.page}?again#{token}")
        poll(lambda: "open" in shown(driver) or None)


@pytest.mark.full
def test_commands_that_prepare_a_class_install_the_lessons(template: Path, tmp_path: Path) -> None:
    """The commands are those for each machine, and for a room without a network."""
    shutil.copytree(template, tmp_path / "chalice-ws-template")
    prepare, again = commands(WORKSHOP / "README.md")
    wheelhouse, room = commands(WORKSHOP / "teachers.md")[:2]
    in_checkout = ["cd ../chalice-ws-template", *wheelhouse, "deactivate"]
    copy = ["mkdir ../room", "cp -r wheelhouse ../room", "cd ../room"]
    # The toolkit alone: its dependencies are those of the test's own environment.
    script = [
        re.sub("^pip (install|wheel)", r"pip \1 --no-deps", line)
        for line in [*prepare, "cd ..", *again, *in_checkout, *copy, *room]
    ]
    done = subprocess.run(
        ["bash", "-e"],
        input="\n".join(script),
        cwd=tmp_path,
        env={
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            **PIP_VARIABLES,
        },
        capture_output=True,
        text=True,
    )
    check_installed(done)
    assert re.search(r"^12  On AWS.* \(20 minutes\)$", done.stdout, re.MULTILINE), done.stdout
    (line,) = re.findall(r"^Its page: (.*)$", done.stdout, re.MULTILINE)
    page = Path(line)
    assert tmp_path / "room" in page.parents
    assert (page.parent / "pictures" / f"{page.stem}.svg").is_file()
    assert (page.parent / "teachers.md").is_file()
    assert (tmp_path / "room" / "app.py").is_file()


def commands(page: Path) -> list[list[str]]:
    """Return the commands of each console block of a page."""
    blocks = [step.text for step in steps(page) if isinstance(step, Console)]
    return [re.findall(r"^\$ (.*)$", block, re.MULTILINE) for block in blocks]


@pytest.mark.full
def test_teacher_serves_and_marks_a_class_as_the_page_says(tmp_path: Path) -> None:
    text = (WORKSHOP / "teachers.md").read_text()
    page = tmp_path / "page.md"
    # On this machine alone.
    page.write_text(text[text.index("## Let thirty") :].replace("0.0.0.0", "127.0.0.1"))
    with reading(tmp_path) as reader:
        assert "Mark the work" in list(reader.follow(page))


def test_dev_container_installs_the_toolkit() -> None:
    content = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert content["forwardPorts"] == [8000]
    assert "pip install --user ." in content["onCreateCommand"]

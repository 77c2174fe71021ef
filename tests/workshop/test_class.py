"""A class: thirty people on one gateway, the wheelhouse, the dev container, and the browser."""

import json
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from websockets.sync.client import connect

from tests.conftest import OWN_HOME, ROOT
from tests.local.gateway import SECONDS, poll, serving
from tests.project.test_install import NO_REGISTRY
from tests.workshop.pages import WORKSHOP

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
def test_wheelhouse_installs_without_a_network(template: Path, tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    environment = {
        "HOME": OWN_HOME,
        "PIP_RETRIES": "0",
        "PIP_TIMEOUT": "10",
        "PATH": "/usr/bin:/bin",
    }
    # The dependencies are those of the test's own environment: the toolkit's wheel is what differs.
    done = subprocess.run(
        [*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path / "wheelhouse"), str(template)],
        env=environment,
        capture_output=True,
        text=True,
    )
    if done.returncode and NO_REGISTRY in done.stderr:
        pytest.skip("pip cannot reach a registry that has the build backend")
    assert done.returncode == 0, done.stderr
    options = ["--no-index", "--no-deps", "--find-links", str(tmp_path / "wheelhouse")]
    done = subprocess.run(
        [*pip, "install", *options, "--target", str(tmp_path / "installed"), "chalice-ws"],
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (tmp_path / "workshop").mkdir()
    done = subprocess.run(
        [sys.executable, "-B", "-m", "chalice_ws", "lesson", "10"],
        cwd=tmp_path / "workshop",
        env={"PYTHONPATH": str(tmp_path / "installed")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    copied = [path for path in (tmp_path / "workshop").rglob("*") if path.is_file()]
    assert len(copied) == len([p for p in (WORKSHOP / "10-who-are-you").rglob("*") if p.is_file()])
    assert (tmp_path / "installed/chalice_ws/workshop/10-who-are-you.md").exists()
    assert (tmp_path / "installed/chalice_ws/workshop/pictures/10-who-are-you.svg").exists()


def test_dev_container_installs_the_toolkit() -> None:
    content = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert content["forwardPorts"] == [8000]
    assert "pip install --user ." in content["onCreateCommand"]

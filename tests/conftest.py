"""Baking: the template's files as git has them, in a folder of their own, no user's home near."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from cookiecutter.main import cookiecutter
from selenium.webdriver import Chrome
from websockets.sync.client import ClientConnection

from tests.deploy.aws.account import Account
from tests.local.gateway import Gateway, client, running
from tests.web.browser import chromium, close_tabs

ROOT = Path(__file__).parent.parent
RAW = ROOT / "{{cookiecutter.app_name}}"
KINDS = ["chat", "notifications", "echo"]

# Where the settings of pip and npm may be, without which they may reach no registry.
OWN_HOME = os.environ.get("HOME", "")

# Kept between runs; git ignores it.
NODE = ROOT / "build" / "node"
PACKAGES = [
    "wscat@6",
    "@aws-sdk/client-apigatewaymanagementapi@3",
    "@asyncapi/specs@6",
    "typescript@5",
]

Bake = Callable[..., Path]


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty home for everything that is run, cookiecutter's configuration in it."""
    folder = tmp_path_factory.mktemp("home")
    os.environ["HOME"] = str(folder)
    config = folder / "cookiecutter.yaml"
    config.write_text(f"cookiecutters_dir: {folder}/templates\nreplay_dir: {folder}/replay\n")
    os.environ["COOKIECUTTER_CONFIG"] = str(config)
    return folder


@pytest.fixture(scope="session")
def template(home: Path) -> Path:
    """The template without what is ignored or left over, such as caches."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    folder = home / "template"
    for name in filter(None, listing.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    return folder


@pytest.fixture
def bake(template: Path, tmp_path: Path) -> Bake:
    """Bake an app: answers by name, cookiecutter's other options as `options`."""

    def run(options: dict[str, Any] | None = None, **answers: str) -> Path:
        arguments = {"no_input": True, "output_dir": str(tmp_path), "extra_context": answers}
        return Path(cookiecutter(str(template), **{**arguments, **(options or {})}))

    return run


@pytest.fixture(scope="session")
def app(template: Path, home: Path) -> Path:
    """An app with the default answers, for tests that only read it or run it."""
    return Path(cookiecutter(str(template), no_input=True, output_dir=str(home / "default")))


@pytest.fixture(scope="session")
def aws_server(home: Path) -> Generator[Account, None, None]:
    """A server that stands for AWS, in a process of its own."""
    log = home / "aws.log"
    with (
        log.open("w") as stderr,
        subprocess.Popen(
            [sys.executable, "-m", "tests.deploy.aws"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            env={
                **os.environ,
                "AWS_ACCESS_KEY_ID": "testing",
                "AWS_SECRET_ACCESS_KEY": "testing",
            },
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            port = process.stdout.readline().strip()
            assert port, log.read_text()
            yield Account(f"http://127.0.0.1:{port}")
        finally:
            process.stdin.close()
            process.wait(20)


@pytest.fixture
def aws(aws_server: Account) -> Generator[Account, None, None]:
    """An account in which nothing is."""
    yield aws_server
    aws_server.reset()


@pytest.fixture(scope="session")
def node() -> Path:
    """Where the packages from npm are."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node or npm is not installed")
    modules = NODE / "node_modules"
    if not all((modules / each.rpartition("@")[0]).exists() for each in PACKAGES):
        NODE.mkdir(parents=True, exist_ok=True)
        install = ["npm", "install", "--prefix", str(NODE), "--no-audit", "--no-fund", *PACKAGES]
        done = subprocess.run(
            install,
            env={**os.environ, "HOME": OWN_HOME},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert done.returncode == 0, done.stdout
    return modules


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Generator[Chrome, None, None]:
    """A browser; what a machine without one skips, says the module of the test."""
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def driver(browser: Chrome) -> Generator[Chrome, None, None]:
    """The browser, for tabs that are closed with the test."""
    yield browser
    close_tabs(browser)


@pytest.fixture(scope="module")
def bare(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Gateway, None, None]:
    """A local gateway that runs the bare handlers, the module's own."""
    with running(app, "bare", tmp_path_factory.mktemp("bare")) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def silent(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Gateway, None, None]:
    """One whose app has the fewest handlers, in another stage."""
    with running(app, "silent", tmp_path_factory.mktemp("silent"), "--stage=prod") as gateway:
        yield gateway


@pytest.fixture
def guest(bare: Gateway) -> Generator[ClientConnection, None, None]:
    """A client of it."""
    with client(bare.url) as each:
        yield each


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Where FORBID_SKIPS is set, as in CI, a skipped test has failed."""
    report = yield
    if report.skipped and os.environ.get("FORBID_SKIPS"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped: {report.longrepr[2]}"
    return report

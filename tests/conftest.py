"""Fixtures for all tests: the template as git has it, baked apps, and what they run against."""

import fcntl
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Generator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cookiecutter.main import cookiecutter
from selenium.webdriver import Chrome
from websockets.sync.client import ClientConnection
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.deploy.aws.account import Account
from tests.local.gateway import Gateway, client, running
from tests.web.browser import chromium, close_tabs

ROOT = Path(__file__).parent.parent
RAW = ROOT / "{{cookiecutter.app_name}}"
KINDS = ["chat", "notifications", "echo"]

# pip and npm may need its settings to reach a registry.
OWN_HOME = os.environ.get("HOME", "")

# Kept between runs. Git ignores it.
NODE = ROOT / "build" / "node"
PACKAGES = [
    "wscat@6",
    "@aws-sdk/client-apigatewaymanagementapi@3",
    "@asyncapi/specs@6",
    "typescript@5",
    "axe-core@4",
    "esbuild@0",
    "vite@7",
    "react@19",
    "react-dom@19",
    "vue@3",
    "node22@npm:node@22",
    "node24@npm:node@24",
]

# Tests that use one of these fixtures run with `make test-all` alone, but for those marked `quick`.
FULL_FIXTURES = {"browser", "node"}

# These have a test that takes half a minute or more.
LONG_FILES = {
    "test_app.py",
    "test_chaos.py",
    "test_install_apps.py",
    "test_lessons.py",
    "test_ministack.py",
    "test_page_recovery.py",
    "test_policies.py",
    "test_recipes.py",
    "test_request_units.py",
    "test_soak.py",
    "test_suite.py",
    "test_triggers.py",
}

# A proxy cannot reach the servers of the tests, nor the metadata service 169.254.169.254 that boto3
# asks for credentials. Child processes inherit this.
DIRECT_HOSTS = "127.0.0.1,localhost,169.254.169.254"

for _name in ("no_proxy", "NO_PROXY"):
    os.environ[_name] = ",".join(filter(None, [os.environ.get(_name), DIRECT_HOSTS]))

# What a child process prints must not depend on who runs the tests. `make test` hands its settings
# to each make; pytest prints more where CI or BUILD_NUMBER is set, and with PYTEST_ADDOPTS.
MAKES_OWN = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
PYTESTS_OWN = ("CI", "BUILD_NUMBER", "COLUMNS", "LINES", "PYTEST_ADDOPTS")

for _name in (*MAKES_OWN, *PYTESTS_OWN):
    os.environ.pop(_name, None)

Bake = Callable[..., Path]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test `full` that needs a browser or packages from npm, and start long files first.

    A long test that starts last would keep one process busy while the others have ended.
    """
    for item in items:
        needs_much = FULL_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        if needs_much and not item.get_closest_marker("quick"):
            item.add_marker("full")
    items.sort(key=lambda item: item.path.name not in LONG_FILES)


class Scheduling(LoadScopeScheduling):
    """The order of tests in several processes, and which of them one process runs."""

    def _split_scope(self, nodeid: str) -> str:
        """Return the name of a group: a file whose tests share a fixture, or a single test."""
        name = nodeid.partition("::")[0]
        return name if _has_module_fixtures(name) else nodeid


@cache
def _has_module_fixtures(name: str) -> bool:
    sources = (ROOT / name, ROOT / Path(name).parent / "conftest.py")
    return any('scope="module"' in each.read_text() for each in sources if each.exists())


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return Scheduling(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Turn a skipped test into a failed one where FORBID_SKIPS is set, as in CI."""
    report = yield
    if report.skipped and os.environ.get("FORBID_SKIPS"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped: {report.longrepr[2]}"
    return report


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty HOME for all processes, with a configuration of cookiecutter."""
    folder = tmp_path_factory.mktemp("home")
    os.environ["HOME"] = str(folder)
    config = folder / "cookiecutter.yaml"
    config.write_text(f"cookiecutters_dir: {folder}/templates\nreplay_dir: {folder}/replay\n")
    os.environ["COOKIECUTTER_CONFIG"] = str(config)
    return folder


@pytest.fixture(scope="session")
def template(home: Path) -> Path:
    """A copy of the template, without ignored files such as caches."""
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
    """A function that bakes an app.

    Its keyword arguments are answers. `options` has cookiecutter's other options.
    """

    def run(options: dict[str, Any] | None = None, **answers: str) -> Path:
        arguments = {"no_input": True, "output_dir": str(tmp_path), "extra_context": answers}
        return Path(cookiecutter(str(template), **{**arguments, **(options or {})}))

    return run


@pytest.fixture(scope="session")
def app(template: Path, home: Path) -> Path:
    """An app with the default answers. Tests may read it and run it, not change it."""
    return Path(cookiecutter(str(template), no_input=True, output_dir=str(home / "default")))


@pytest.fixture(scope="session")
def aws_server(home: Path) -> Generator[Account, None, None]:
    """A simulated AWS account, in a process of its own."""
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
            process.wait()


@pytest.fixture
def aws(aws_server: Account) -> Generator[Account, None, None]:
    """An empty simulated AWS account."""
    yield aws_server
    aws_server.reset()


@pytest.fixture(scope="session")
def node() -> Path:
    """The folder of the packages from npm. They are installed once."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node or npm is not installed")
    installed = NODE / "installed.txt"
    wanted = "\n".join(PACKAGES)
    NODE.mkdir(parents=True, exist_ok=True)
    with (NODE / "lock").open("w") as lock:
        # Parallel test processes wait here for the first one.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not installed.exists() or installed.read_text() != wanted:
            install_packages(os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid())))
            installed.write_text(wanted)
    return NODE / "node_modules"


def install_packages(run_id: str) -> None:
    """Install PACKAGES. Skip the test where the registry does not answer.

    Args:
        run_id: the id of the test run. It asks a registry that does not answer once, and not in
            each of its processes.
    """
    failed = NODE / "failed.txt"
    if failed.exists() and failed.read_text() == run_id:
        pytest.skip("npm failed before in this run")
    failed.write_text(run_id)
    # npm's own limit for an answer is five minutes, three times.
    npm("ping", "--fetch-retries=0", "--fetch-timeout=10000", limit_seconds=60)
    options = ["--no-audit", "--no-fund", "--fetch-retries=1", "--fetch-timeout=60000"]
    npm("install", "--prefix", str(NODE), *options, *PACKAGES)
    failed.unlink()


def npm(*arguments: str, limit_seconds: int | None = None) -> None:
    """Run npm with the user's settings. Skip the test where it fails."""
    try:
        done = subprocess.run(
            ["npm", *arguments],
            env={**os.environ, "HOME": OWN_HOME},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=limit_seconds,
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm {arguments[0]} got no answer from the registry")
    if done.returncode:
        pytest.skip(f"npm {arguments[0]} failed: {' '.join(done.stdout.split())}")


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Generator[Chrome, None, None]:
    """A browser. The modules that use it are skipped where there is none."""
    with chromium(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture
def driver(browser: Chrome) -> Generator[Chrome, None, None]:
    """The browser. The tabs that a test opens are closed after it."""
    yield browser
    close_tabs(browser)


@pytest.fixture(scope="module")
def bare(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Gateway, None, None]:
    """A local gateway with the bare app, one for each module."""
    with running(app, "bare", tmp_path_factory.mktemp("bare")) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def silent(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Generator[Gateway, None, None]:
    """A local gateway with the app of the fewest handlers, in stage prod."""
    with running(app, "silent", tmp_path_factory.mktemp("silent"), "--stage=prod") as gateway:
        yield gateway


@pytest.fixture
def guest(bare: Gateway) -> Generator[ClientConnection, None, None]:
    """A client of the bare app."""
    with client(bare.url) as each:
        yield each


def files(folder: Path) -> dict[str, bytes]:
    """Return the content of each file below a folder, by its relative path."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}

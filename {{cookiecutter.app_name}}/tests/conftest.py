"""Fixtures of all tests. DynamoDB and SQS are moto's, in this process, and empty for each test.

tests/app/ has the app's tests, which are yours to change. tests/engine/ has those of the engine.
"""

import gc
import json
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from chalice_ws.project.config import read_config
from chalice_ws.project.resources import read_resources
from chalice_ws.project.tables import create_tables
from chalicelib import secret, settings
from chalicelib.actions import router
from chalicelib.storage import table
from tests.client import Api, Client, Frame
from tests.support.local_server import LocalServer
from tests.support.network import this_machine_only
from tests.support.policies import recorder, report_missing

PROJECT = Path(__file__).parent.parent
APP_FILES = ["app.py", "chalicelib", ".chalice", "resources.json", "resources", "web"]

# The tests run with these, also where the owner has switched a part off.
ALL_ACTIONS = ",".join(router.actions)
SWITCHED_ON = {"WS_ACTIONS": ALL_ACTIONS, "HISTORY_SECONDS": "86400"}

# The tests run without these: Api.connect() is a guest, and Api.connect(user="ann") is not.
LEFT_OUT = ("AUTH", "ALLOWED", "MESSAGES")
SIGN_IN_VARIABLES = {name for name in settings.READERS if name.startswith(LEFT_OUT)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the test of the policies last. It knows what the functions call in all other tests."""
    items.sort(key=lambda item: item.path.name == "test_policies.py")


def pytest_configure() -> None:
    """Search for unused objects less often. Most objects of boto3 and moto stay in use."""
    gc.set_threshold(50_000, 20, 20)


def pytest_unconfigure() -> None:
    """Let the process end without such a search, which takes a second."""
    gc.freeze()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Run the tests of tests/app in one process, and those of each file of tests/engine."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduler(LoadScopeScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            name = nodeid.split("::")[0]
            return name if name.startswith("tests/engine/") else "tests/app"

    return Scheduler(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, Any, Any]:
    """Fail a test whose functions lack a permission, unless another test has failed for it."""
    result = yield
    folder = pyfuncitem.funcargs.get("reports")
    if isinstance(folder, Path) and (lines := report_missing(folder)):
        use = "`.venv/bin/python -m chalice_ws grant FUNCTION ACTION --on RESOURCE` adds a grant"
        pytest.fail("\n".join([*lines, use]), pytrace=False)
    return result


@pytest.fixture(scope="session", autouse=True)
def network() -> Iterator[None]:
    """The network without other machines: test_bounds.py runs each action with many values.

    Delete it if your tests need another machine, such as one with a database.
    """
    with this_machine_only():
        yield


@pytest.fixture(scope="session")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of missing permissions that were reported, for all processes of the run."""
    folder = tmp_path_factory.getbasetemp()
    return folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder


@pytest.fixture(scope="session")
def person() -> dict[str, Any] | None:
    """The claims of each client of the app's tests that names no user. None makes it a guest.

    If access.py refuses guests, return claims that it accepts: {} signs in as anybody.
    """
    return None


@pytest.fixture(scope="session")
def database() -> Iterator[None]:
    """DynamoDB and SQS in this process. No AWS settings of this machine are used."""
    # moto takes half a second to import, and the process that starts the others needs none.
    from tests.support import aws

    with aws.serving_in_process():
        os.environ.update(read_config(PROJECT, "dev").environment_variables)
        for name in SIGN_IN_VARIABLES:
            os.environ.pop(name, None)
        yield


@pytest.fixture(scope="session")
def shared_api(database: None) -> Iterator[Api]:
    from app import app

    with Api(app, read_config(PROJECT, "dev").api_gateway_stage) as api:
        yield api


@pytest.fixture
def api(
    shared_api: Api,
    person: dict[str, Any] | None,
    reports: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Api]:
    """The app with an empty table, and all actions and the history switched on.

    The test fails if a function calls AWS without permission in its policy file.
    """
    for name, value in SWITCHED_ON.items():
        monkeypatch.setenv(name, value)
    from tests.support import aws

    aws.reset(create_own_tables)
    shared_api.reset(person)
    secret.forget()
    yield shared_api
    recorder.earlier_calls |= recorder.calls


def create_own_tables() -> None:
    """Create the tables of the app's resource files."""
    create_tables(read_resources(read_config(PROJECT, "dev")).tables())


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, database: None, person: dict[str, Any] | None
) -> Iterator[LocalServer]:
    """A local gateway with a copy of this app, and all actions and the history switched on."""
    variables = {} if person is None else {"AUTH": "jwt"}
    folder = tmp_path_factory.mktemp("gateway")
    gateway = LocalServer(copy_app(folder, **SWITCHED_ON, **variables), folder)
    gateway.person = person
    try:
        yield gateway
    finally:
        status = gateway.stop()
    assert status == 0, gateway.log.read_text()


@pytest.fixture
def ann(api: Api) -> Client:
    """A client that is a member of the channel tea."""
    client = api.connect(name="Ann")
    client.request("join", channel="tea")
    return client


@pytest.fixture(params=["api", "gateway"])
def api_or_gateway(request: pytest.FixtureRequest) -> Api | LocalServer:
    """The app twice: its handlers in this process, and the local gateway over the network."""
    value: Api | LocalServer = request.getfixturevalue(request.param)
    return value


def copy_app(folder: Path, **variables: str) -> Path:
    """Copy this app without its sign-in, and return the new folder.

    Args:
        folder: an existing folder, in which the new one is created.
        variables: the environment variables to change.
    """
    project = folder / "app"
    project.mkdir()
    # The owner may have removed the page.
    for name in filter(lambda each: (PROJECT / each).exists(), APP_FILES):
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
        copy(PROJECT / name, project / name)
    config = project / ".chalice" / "config.json"
    content = json.loads(config.read_text())
    stage = content["stages"]["dev"]
    kept = stage["environment_variables"].items()
    stage["environment_variables"] = {
        **{name: value for name, value in kept if name not in SIGN_IN_VARIABLES},
        **variables,
    }
    config.write_text(json.dumps(content))
    return project


def error(frame: Frame) -> tuple[str, str]:
    """Check that a frame is an error with a message; return its code and its action."""
    assert frame["type"] == "error"
    assert frame["message"]
    return frame["code"], frame["action"]


def expire(client: Client) -> None:
    """Let a connection's token end now."""
    table.call(
        "update_item",
        Key=table.key("lobby", client.connection_id),
        UpdateExpression="SET expires_at = :past",
        ExpressionAttributeValues={":past": {"N": "1"}},
    )


def age(client: Client, seconds: int = 60) -> None:
    """Make a connection `seconds` older.

    The app removes a connection after a 410 only if it is older than the grace period.
    """
    key = table.key("lobby", client.connection_id)
    table.call(
        "update_item",
        Key=key,
        UpdateExpression="SET connected_at = connected_at - :ms",
        ExpressionAttributeValues={":ms": {"N": str(seconds * 1000)}},
    )

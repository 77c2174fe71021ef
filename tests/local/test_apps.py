"""Apps that are not made from the template: their clients, modules and packages."""

import json
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pytest

from tests.local.gateway import APPS, SECONDS, Gateway, ask, client, running, serving

CLIENTS = [
    "address of the event",
    "fixed address",
    "custom domain",
    "at import",
    "without address",
    "own session",
    "another region",
    "botocore",
    "unsigned",
    "session set late",
]


@pytest.fixture(scope="module", params=["--workers=2", "--workers=0"])
def clients(
    request: pytest.FixtureRequest, app: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """Run the app that makes clients, with workers and without."""
    with running(app, "clients", tmp_path_factory.mktemp("clients"), request.param) as gateway:
        yield gateway


@pytest.mark.parametrize("way", CLIENTS)
def test_client_of_the_app_reaches_the_gateway(clients: Gateway, way: str) -> None:
    with client(clients.url) as guest:
        assert ask(guest, way) == way


def test_clients_of_concurrent_events_reach_the_gateway(clients: Gateway) -> None:
    ways = [way for way in CLIENTS if way != "session set late"]
    with client(clients.url) as guest:
        for way in ways * 3:
            guest.send(way)
        assert sorted(str(guest.recv(SECONDS)) for _ in ways * 3) == sorted(ways * 3)


def test_modules_of_the_app_may_have_the_names_of_ours(clients: Gateway) -> None:
    names = json.loads(clients.invoke("names", {}).body)
    assert names == ["the app's deploy", "the app's local", "the app's project", "the app's tools"]


def test_modules_of_the_generated_app_are_hidden_from_another(bare: Gateway) -> None:
    code = "__import__('importlib.util').util.find_spec('chalicelib')"
    answer = bare.invoke("echo", {"eval": code})
    assert json.loads(answer.body)["outcome"] == "None"


@pytest.mark.parametrize("workers", ["--workers=1", "--workers=0"])
def test_packages_beside_an_installed_gateway_are_found(
    app: Path, tmp_path: Path, workers: str
) -> None:
    packages = tmp_path / "site-packages"
    copytree(app / "chalice_ws", packages / "chalice_ws")
    (packages / "dependency.py").write_text("NAME = 'a dependency'\n")
    project = copytree(APPS / "bare", tmp_path / "bare")
    with (project / "app.py").open("a") as file:
        file.write("\nimport dependency\n")
    with serving(packages, project, tmp_path, workers) as gateway, client(gateway.url) as guest:
        assert ask(guest, "eval dependency.NAME") == "a dependency"

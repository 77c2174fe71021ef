"""Parameters, secrets and rows on this machine, from the resource files and .chalice/local.json."""

import json
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest

from tests.local.gateway import APPS, ask, client, serving
from tests.local.test_cli import error_line
from tests.local.test_invoke import NO_PORT, invoke

pytestmark = pytest.mark.full

VALUES: dict[str, Any] = {
    "parameters": {
        "/vault/key": "of this machine",
        "/vault/plain": {"Type": "String", "Value": 7},
    },
    "secrets": {"vault/webhook": {"key": "k"}, "vault/text": "text"},
    "rows": {"vault-dev-members": [{"user": "ann", "roles": ["host"], "weight": 0.5}]},
}


def vault(tmp_path: Path, values: object = VALUES) -> Path:
    """Return the folder of an app with a file of local values."""
    project = copytree(APPS / "vault", tmp_path / "vault")
    (project / ".chalice/local.json").write_text(json.dumps(values))
    return project


def test_parameters_and_secrets_have_local_values(app: Path, tmp_path: Path) -> None:
    project = vault(tmp_path)
    with serving(app, project, tmp_path) as gateway, client(gateway.url) as guest:
        parameters, secrets = json.loads(ask(guest, "all"))
        assert parameters == {
            "/vault/key": "of this machine",
            "/vault/limit": "12",
            "/vault/plain": "7",
        }
        database, *others = secrets
        assert json.loads(database)["user"] == "ann"
        assert json.loads(database)["password"]
        assert others == ['{"key": "k"}', "text"]
        # As on AWS, a secret parameter is encrypted for who does not ask for decryption.
        assert json.loads(gateway.invoke("read", {"name": "/vault/plain"}).body) == "7"
        assert json.loads(gateway.invoke("read", {"name": "/vault/key"}).body).startswith("kms:")
        for function, section in (("read", "parameters"), ("reveal", "secrets")):
            body = json.loads(gateway.invoke(function, {"name": "/vault/none"}).body)
            hint = f'(on this machine: put the value into .chalice/local.json: {{"{section}": '
            assert hint in body["errorMessage"]


def test_invoke_without_a_gateway_has_local_values(app: Path, tmp_path: Path) -> None:
    project = vault(tmp_path)
    given = json.dumps({"name": "/vault/plain"})
    done = invoke(app, project, NO_PORT, "read", "--event=-", given=given)
    assert json.loads(done.stdout) == "7", done.stderr


def test_app_that_reads_a_parameter_while_it_is_imported_can_be_invoked(
    app: Path, tmp_path: Path
) -> None:
    project = vault(tmp_path)
    source = """
KEY = boto3.client("ssm").get_parameter(Name="/vault/plain")["Parameter"]["Value"]


@app.lambda_function()
def key(event, context):
    return KEY
"""
    with (project / "app.py").open("a") as file:
        file.write(source)
    with serving(app, project, tmp_path) as gateway:
        for port in (gateway.port, NO_PORT):
            done = invoke(app, project, port, "key")
            assert (done.returncode, json.loads(done.stdout)) == (0, "7"), done.stderr


def test_rows_are_in_their_table(app: Path, tmp_path: Path) -> None:
    done = invoke(app, vault(tmp_path), NO_PORT, "members")
    row = {"user": {"S": "ann"}, "roles": {"L": [{"S": "host"}]}, "weight": {"N": "0.5"}}
    assert json.loads(done.stdout) == [row], done.stderr


def test_service_without_values_says_where_to_put_them(app: Path, tmp_path: Path) -> None:
    project = copytree(APPS / "vault", tmp_path / "vault")
    (project / "resources.json").unlink()
    with serving(app, project, tmp_path) as gateway:
        for function, section in (("read", "parameters"), ("reveal", "secrets")):
            body = json.loads(gateway.invoke(function, {"name": "any"}).body)
            assert f'.chalice/local.json: {{"{section}": {{"NAME"' in body["errorMessage"]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([], "not a JSON object"),
        ({"parameter": {}}, "unknown name (got 'parameter')"),
        ({"parameters": ["/vault/key"]}, "parameters is not an object"),
        ({"rows": {"other": []}}, "that no resource file defines (got 'other')"),
        ({"rows": {"vault-dev-members": {}}}, "vault-dev-members is not a list of objects"),
        ({"rows": {"vault-dev-members": [{"n": float("nan")}]}}, "a number in rows of"),
        ({"parameters": {"/vault/key": 7}}, "the parameter /vault/key is not valid (got 7)"),
    ],
)
def test_wrong_local_values_are_one_line(
    app: Path, tmp_path: Path, values: object, told: str
) -> None:
    line = error_line(app, vault(tmp_path, values), tmp_path)
    assert told in line
    assert "; " in line

"""Chalice's own `chalice deploy` and `chalice delete`, with a simulated AWS."""

import json
import re
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Bake
from tests.deploy.aws.account import REGION, Account, settings

ROUTES = {
    "$connect": "websocket_connect",
    "$default": "websocket_message",
    "$disconnect": "websocket_disconnect",
}


@pytest.mark.full
def test_chalice_deploy_follows_settings(aws: Account, bake: Bake) -> None:
    app = bake(app_name="x" * 25)
    aws.run(app, "chalice", "deploy", "--stage", "dev")
    _check_deployed(aws, app, "dev")
    dev = aws.contents()
    aws.run(app, "chalice", "deploy", "--stage", "prod")
    _check_deployed(aws, app, "prod")
    aws.run(app, "chalice", "delete", "--stage", "prod")
    assert aws.contents() == dev


def _check_deployed(aws: Account, app: Path, stage: str) -> None:
    prefix = f"{app.name}-{stage}"
    gateway = aws.client("apigatewayv2")
    (api,) = (one for one in aws.apis() if one["Name"] == f"{prefix}-websocket-api")
    assert api["ProtocolType"] == "WEBSOCKET"
    routes = gateway.get_routes(ApiId=api["ApiId"])["Items"]
    assert {route["RouteKey"] for route in routes} == set(ROUTES)
    integrations = gateway.get_integrations(ApiId=api["ApiId"])["Items"]
    assert {one["IntegrationType"] for one in integrations} == {"AWS_PROXY"}
    assert aws.served(api["ApiId"]) == {key: f"{prefix}-{name}" for key, name in ROUTES.items()}

    functions = {
        one["FunctionName"].removeprefix(f"{prefix}-"): one
        for one in aws.client("lambda").list_functions()["Functions"]
        if one["FunctionName"].startswith(prefix)
    }
    wanted = settings(app, stage)
    assert set(functions) == set(wanted)
    for name, function in functions.items():
        assert function["MemorySize"] == wanted[name]["lambda_memory_size"], name
        assert function["Timeout"] == wanted[name]["lambda_timeout"], name
        assert function["Environment"]["Variables"] == wanted[name]["environment_variables"], name
        assert function["Role"].endswith(f":role/{prefix}-{name}")
        assert aws.role_policy(f"{prefix}-{name}") == wanted[name]["policy"]
        if name in ROUTES.values():
            _check_api_may_invoke(aws, f"{prefix}-{name}", api["ApiId"])
        else:
            with pytest.raises(ClientError, match="ResourceNotFound"):
                aws.client("lambda").get_policy(FunctionName=f"{prefix}-{name}")


def _check_api_may_invoke(aws: Account, name: str, api_id: str) -> None:
    answer = aws.client("lambda").get_policy(FunctionName=name)
    (statement,) = json.loads(answer["Policy"])["Statement"]
    assert statement["Principal"] == {"Service": "apigateway.amazonaws.com"}
    source = json.dumps(statement["Condition"])
    assert f"arn:aws:execute-api:{REGION}:123456789012:{api_id}/*" in source


@pytest.mark.full
def test_chalice_deploy_updates_and_chalice_delete_deletes_all(aws: Account, bake: Bake) -> None:
    app = bake()
    aws.run(app, "chalice", "deploy", "--stage", "dev")
    before = aws.contents()
    config = app / ".chalice" / "config.json"
    config.write_text(
        config.read_text().replace('"lambda_memory_size": 512', '"lambda_memory_size": 1024')
    )
    aws.run(app, "chalice", "deploy", "--stage", "dev")
    assert aws.contents() == before
    functions = aws.client("lambda").list_functions()["Functions"]
    assert {function["MemorySize"] for function in functions} == {1024}
    aws.run(app, "chalice", "delete", "--stage", "dev")
    assert aws.contents() == {}


@pytest.mark.full
def test_chalice_deploy_does_not_serve_added_handler(aws: Account, bake: Bake) -> None:
    """Show that Chalice creates no second deployment. `make deploy` does."""
    app = bake()
    source = (app / "app.py").read_text()
    (app / "app.py").write_text(source.replace("@app.on_ws_disconnect()\n", ""))
    aws.run(app, "chalice", "deploy", "--stage", "dev")
    assert set(aws.served()) == {"$connect", "$default"}
    (app / "app.py").write_text(source)
    aws.run(app, "chalice", "deploy", "--stage", "dev")
    gateway = aws.client("apigatewayv2")
    (api,) = gateway.get_apis()["Items"]
    routes = gateway.get_routes(ApiId=api["ApiId"])["Items"]
    assert {route["RouteKey"] for route in routes} == set(ROUTES)
    assert set(aws.served()) == {"$connect", "$default"}
    # The command in docs/deploy.md creates it.
    (command,) = re.findall(r'-c "(import boto3;.*)"', (app / "docs" / "deploy.md").read_text())
    aws.run(app, sys.executable, "-c", command.replace("'ID'", repr(api["ApiId"])))
    assert set(aws.served()) == set(ROUTES)


@pytest.mark.full
def test_chalice_deploy_of_too_long_name_fails(aws: Account, bake: Bake) -> None:
    app = bake()
    config = app / ".chalice" / "config.json"
    config.write_text(config.read_text().replace('"chalice-ws-app"', f'"{"x" * 50}"'))
    source = app / "app.py"
    source.write_text(source.read_text().replace('"chalice-ws-app"', f'"{"x" * 50}"'))
    with pytest.raises(AssertionError, match=r"RoleName must be 1\.\.64"):
        aws.run(app, "chalice", "deploy", "--stage", "dev")

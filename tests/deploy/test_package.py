"""The package command: the template that it writes."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.scripted import NO_CREDENTIALS, Run, ScriptedAws


def package(deploy: Run, copy: Path, *arguments: str) -> dict[str, Any]:
    """Package a stage without credentials. Return the template."""
    made = deploy("package", *arguments, **NO_CREDENTIALS)
    assert made.returncode == 0, made.stderr
    stage = arguments[1] if arguments else "dev"
    template: dict[str, Any] = json.loads((copy / "build" / stage / "template.json").read_text())
    return template


def deployment(template: dict[str, Any]) -> str:
    """Return the logical id of the API's only deployment, which its stage serves."""
    (name,) = [
        name
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::ApiGatewayV2::Deployment"
    ]
    stage = template["Resources"]["WebsocketAPIStage"]["Properties"]
    assert stage["DeploymentId"] == {"Ref": name}
    return str(name)


@pytest.mark.full
def test_deployment_is_renamed_when_routes_change(
    scripted_aws: ScriptedAws, copy: Path, deploy: Run
) -> None:
    app = copy / "app.py"
    source = app.read_text()
    first = deployment(package(deploy, copy))
    app.write_text(source.replace("return True", "return bool(event)"))
    assert deployment(package(deploy, copy)) == first
    app.write_text(source.replace("@app.on_ws_disconnect()", ""))
    assert deployment(package(deploy, copy)) != first
    app.write_text(source)
    assert deployment(package(deploy, copy)) == first
    assert scripted_aws.requests == []


@pytest.mark.full
def test_deployment_waits_for_owners_own_routes(copy: Path, deploy: Run) -> None:
    api = {"ApiId": {"Ref": "WebsocketAPI"}}
    kinds = {
        "Ping": ("Route", {**api, "RouteKey": "ping"}),
        "PingIntegration": ("Integration", {**api, "IntegrationType": "MOCK"}),
        "PingResponse": ("RouteResponse", {"ApiId": {"Fn::Sub": "${WebsocketAPI}"}}),
        "Gate": ("Authorizer", {**api, "AuthorizerType": "REQUEST"}),
        "Elsewhere": ("Route", {"ApiId": {"Ref": "OtherWebsocketAPI"}, "RouteKey": "ping"}),
    }
    own = {
        name: {"Type": f"AWS::ApiGatewayV2::{kind}", "Properties": properties}
        for name, (kind, properties) in kinds.items()
    }
    before = deployment(package(deploy, copy))
    (copy / "resources" / "ping.json").write_text(json.dumps({"Resources": own}))
    template = package(deploy, copy, "--stage", "dev", "ping")
    after = deployment(template)
    assert after != before
    waits_for = template["Resources"][after]["DependsOn"]
    assert {"WebsocketConnectRoute", *own} - {*waits_for} == {"Elsewhere"}
    assert len(waits_for) == len({*waits_for})


def test_stages_share_no_names(copy: Path, deploy: Run) -> None:
    dev, prod = (json.dumps(package(deploy, copy, "--stage", stage)) for stage in ("dev", "prod"))
    assert "app-prod" not in dev
    assert "app-dev" not in prod


@pytest.mark.full
def test_extras_are_merged_for_all_functions(copy: Path, deploy: Run) -> None:
    plain = package(deploy, copy, "--stage", "prod")["Resources"]
    full = package(deploy, copy, "--stage", "prod", "production", "xray")["Resources"]
    functions = [name for name in plain if plain[name]["Type"] == "AWS::Serverless::Function"]
    assert len(functions) >= 5
    for name in functions:
        assert plain[name]["Properties"]["Tracing"] == "PassThrough"
        assert full[name]["Properties"]["Tracing"] == "Active"
        assert "XRay" in json.dumps(full[f"{name}Role"]["Properties"]["ManagedPolicyArns"])
    stage = full["WebsocketAPIStage"]["Properties"]
    assert json.loads(stage["AccessLogSettings"]["Format"])["connection_id"]
    assert json.loads(full["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"])["widgets"]
    watched = json.dumps(full["ErrorsAlarm"]), json.dumps(full["ThrottlesAlarm"])
    for name in functions:
        assert all(f'{{"Ref": "{name}"}}' in each for each in watched), name

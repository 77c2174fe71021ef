"""What is packaged for CloudFormation."""

import json
from pathlib import Path
from typing import Any

from tests.deploy.scripted import NO_KEYS, Aws, Run


def package(deploy: Run, copy: Path, *arguments: str) -> dict[str, Any]:
    made = deploy("package", *arguments, **NO_KEYS)
    assert made.returncode == 0, made.stderr
    stage = arguments[1] if arguments else "dev"
    template: dict[str, Any] = json.loads((copy / "build" / stage / "template.json").read_text())
    return template


def deployment(template: dict[str, Any]) -> str:
    """The name of the API's deployment, which the stage and nothing else is at."""
    (name,) = [
        name
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::ApiGatewayV2::Deployment"
    ]
    stage = template["Resources"]["WebsocketAPIStage"]["Properties"]
    assert stage["DeploymentId"] == {"Ref": name}
    return str(name)


def test_a_handler_that_comes_later_goes_live(aws: Aws, copy: Path, deploy: Run) -> None:
    """The deployment is a new one where the routes are others, and else the same."""
    app = copy / "app.py"
    whole = app.read_text()
    first = deployment(package(deploy, copy))
    app.write_text(whole.replace("return True", "return bool(event)"))
    assert deployment(package(deploy, copy)) == first
    app.write_text(whole.replace("@app.on_ws_disconnect()", ""))
    assert deployment(package(deploy, copy)) != first
    app.write_text(whole)
    assert deployment(package(deploy, copy)) == first
    assert aws.asked == []


def test_stages_share_no_name(copy: Path, deploy: Run) -> None:
    dev, prod = (json.dumps(package(deploy, copy, "--stage", stage)) for stage in ("dev", "prod"))
    assert "app-prod" not in dev
    assert "app-dev" not in prod


def test_production_and_tracing_are_one_word_each(copy: Path, deploy: Run) -> None:
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

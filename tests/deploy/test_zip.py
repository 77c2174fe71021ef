"""The code as it would be deployed, run as Lambda runs it: from the zip, beside boto3 alone."""

import importlib.util
import json
import platform
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Bake
from tests.deploy.aws.account import NOWHERE, REGION, Account, package
from tests.deploy.aws.roles import Roles

# What is in Lambda's runtime, beside the standard library.
RUN = ROOT / "tests" / "aws" / "runtime.py"
RUNTIME = ["boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3"]


@pytest.fixture(scope="module")
def boto3_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what Lambda's runtime has, and nothing else."""
    folder = tmp_path_factory.mktemp("runtime")
    for name in RUNTIME:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        source = Path(spec.origin)
        source = source.parent if source.name == "__init__.py" else source
        (folder / source.name).symlink_to(source)
    return folder


class Deployed:
    """An app's functions, as a template describes them, with the code that lies beside it."""

    def __init__(self, template: Path, boto3_alone: Path):
        self.resources = json.loads(template.read_text())["Resources"]
        self.code = template.parent / "code"
        self.boto3 = boto3_alone
        with zipfile.ZipFile(template.parent / "deployment.zip") as archive:
            archive.extractall(self.code)

    def policies(self) -> dict[str, Any]:
        """What each function may do, by its logical name."""
        return {
            name: self.resources[resource["Properties"]["Role"]["Fn::GetAtt"][0]]["Properties"][
                "Policies"
            ][0]["PolicyDocument"]
            for name, resource in self.resources.items()
            if resource["Type"] == "AWS::Serverless::Function"
        }

    def run(self, name: str, event: Any, url: str) -> subprocess.CompletedProcess[str]:
        """Run a function in a process of its own, with `url` for AWS."""
        properties = self.resources[name]["Properties"]
        return subprocess.run(
            [sys.executable, "-I", "-S", RUN, self.code, self.boto3, properties["Handler"]],
            input=json.dumps(event),
            env={
                **properties["Environment"]["Variables"],
                "AWS_ACCESS_KEY_ID": name,
                "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_REGION": REGION,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ENDPOINT_URL": url,
                "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": f"{url}/api",
            },
            capture_output=True,
            text=True,
            timeout=30,
        )


def event(kind: str, connection: str, **extra: Any) -> dict[str, Any]:
    """What API Gateway sends to a function."""
    now = int(time.time() * 1000)
    key = {"CONNECT": "$connect", "MESSAGE": "$default", "DISCONNECT": "$disconnect"}[kind]
    context = {
        "routeKey": key,
        "eventType": kind,
        "connectionId": connection,
        "connectedAt": now,
        "requestTimeEpoch": now,
        "requestId": "PJqB0E",
        "extendedRequestId": "PJqB0E",
        "messageDirection": "IN",
        "stage": "api",
        "apiId": "abcdef1234",
        "domainName": f"abcdef1234.execute-api.{REGION}.amazonaws.com",
        "identity": {"sourceIp": "127.0.0.1"},
    }
    return {"requestContext": context, "isBase64Encoded": False, **extra}


def create_table(aws: Account, deployed: Deployed, stack: str) -> None:
    """Make the table that the template defines."""
    properties = dict(deployed.resources["ConnectionsTable"]["Properties"])
    keys = ["AttributeDefinitions", "KeySchema", "BillingMode"]
    aws.client("dynamodb").create_table(
        TableName=f"{stack}-connections", **{key: properties[key] for key in keys}
    )


ANN, BOB = "PJqB0fHsqRcCHlw=", "PJqB1dHsqRcCHlw="


def test_it_talks_through_its_roles_alone(aws: Account, bake: Bake, boto3_alone: Path) -> None:
    app = bake()
    package(app, "prod")
    deployed = Deployed(app / "build" / "prod" / "template.json", boto3_alone)
    create_table(aws, deployed, "chalice-ws-app-prod")
    with Roles(aws.endpoint, deployed.policies()) as roles:

        def run(name: str, event: Any) -> Any:
            done = deployed.run(name, event, roles.url)
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout)

        def say(connection: str, **frame: Any) -> None:
            run("WebsocketMessage", event("MESSAGE", connection, body=json.dumps(frame)))

        for connection in (ANN, BOB):
            assert run("WebsocketConnect", event("CONNECT", connection))["statusCode"] == 200
        say(ANN, action="echo", data="tea", id=1)
        assert roles.sent == {ANN: [{"type": "echo", "data": "tea", "id": 1}]}
        roles.sent.clear()
        say(ANN, action="broadcast", data="tea?")
        assert [frame["data"] for frame in roles.sent[BOB]] == ["tea?"]
        assert {frame["type"] for frame in roles.sent[ANN]} == {"message", "sent"}
        run("WebsocketDisconnect", event("DISCONNECT", BOB, disconnectStatusCode=1000))
        roles.sent.clear()
        outcome = run("Notify", {"channel": "lobby", "data": "ready"})
        assert (outcome["delivered"], outcome["gone"], outcome["failed"]) == (1, 0, 0)
        assert list(roles.sent) == [ANN]
        assert roles.denied == []


def test_without_a_grant_it_does_not(aws: Account, bake: Bake, boto3_alone: Path) -> None:
    app = bake()
    package(app, "dev")
    deployed = Deployed(app / "build" / "dev" / "template.json", boto3_alone)
    create_table(aws, deployed, "chalice-ws-app-dev")
    policies = deployed.policies()
    policies["WebsocketConnect"]["Statement"] = []
    with Roles(aws.endpoint, policies) as roles:
        done = deployed.run("WebsocketConnect", event("CONNECT", ANN), roles.url)
        assert done.returncode != 0
        assert "AccessDeniedException" in done.stderr
        assert roles.denied


@pytest.mark.parametrize(
    ("tag", "there"),
    [
        ("py3-none-any", True),
        # For a newer C library than Lambda has; this machine takes it, and so does Chalice's pip.
        (f"py3-none-manylinux_2_35_{platform.machine()}", False),
    ],
)
def test_a_dependency_that_is_not_in_the_zip_is_found_missing(
    bake: Bake,
    tmp_path: Path,
    boto3_alone: Path,
    monkeypatch: pytest.MonkeyPatch,
    tag: str,
    there: bool,
) -> None:
    """Chalice says "Could not install dependencies", and goes on; `make package` does not."""
    app = bake()
    with zipfile.ZipFile(tmp_path / f"needed-1.0-{tag}.whl", "w") as wheel:
        wheel.writestr("needed.py", "")
        about = "needed-1.0.dist-info"
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: needed\nVersion: 1.0\n")
        wheel.writestr(f"{about}/WHEEL", f"Wheel-Version: 1.0\nTag: {tag}\n")
        wheel.writestr(f"{about}/RECORD", "")
    (app / "requirements.txt").write_text("needed==1.0\n")
    with (app / "chalicelib" / "actions.py").open("a") as actions:
        actions.write("\nimport needed\n")
    (app / "needed.py").write_text("")  # for Chalice, which imports the app too; not deployed
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    if not there:
        for _ in range(2):
            with pytest.raises(AssertionError, match="error: chalice cannot package the app"):
                package(app, "dev")
    NOWHERE.run(app, "chalice", "package", "--stage", "dev", "build/dev")
    deployed = Deployed(app / "build" / "dev" / "sam.json", boto3_alone)
    done = deployed.run("WebsocketConnect", event("CONNECT", ANN), "http://127.0.0.1:1")
    assert ("No module named 'needed'" in done.stderr) is not there
    assert ("EndpointConnectionError" in done.stderr) is there

"""The code in the zip, run as Lambda runs it: with boto3 and no other package."""

import importlib.util
import json
import platform
import re
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Bake
from tests.deploy.aws.account import OFFLINE, REGION, Account, package
from tests.deploy.aws.roles import Roles

RUNTIME_SCRIPT = ROOT / "tests" / "deploy" / "aws" / "runtime.py"

# The packages of Lambda's runtime.
RUNTIME_PACKAGES = ["boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3"]


@pytest.fixture(scope="module")
def runtime_packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages of Lambda's runtime."""
    folder = tmp_path_factory.mktemp("runtime")
    for name in RUNTIME_PACKAGES:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        source = Path(spec.origin)
        source = source.parent if source.name == "__init__.py" else source
        (folder / source.name).symlink_to(source)
    return folder


class Deployed:
    """The functions of a template, with the code from the zip beside it.

    Args:
        template: the path of the template.
        runtime_packages: the folder with the packages of Lambda's runtime.
    """

    def __init__(self, template: Path, runtime_packages: Path):
        content = json.loads(template.read_text())
        self.resources = content["Resources"]
        self.defaults = content.get("Globals", {}).get("Function", {})
        self.code = template.parent / "code"
        self.packages = runtime_packages
        with zipfile.ZipFile(template.parent / "deployment.zip") as archive:
            archive.extractall(self.code)

    def policies(self) -> dict[str, Any]:
        """Return the policy of each function by its logical id."""
        return {
            name: self.resources[resource["Properties"]["Role"]["Fn::GetAtt"][0]]["Properties"][
                "Policies"
            ][0]["PolicyDocument"]
            for name, resource in self.resources.items()
            if resource["Type"] == "AWS::Serverless::Function"
        }

    def run(self, name: str, event: Any, url: str) -> subprocess.CompletedProcess[str]:
        """Run a function in a process of its own. Its AWS endpoint is `url`."""
        properties = {**self.defaults, **self.resources[name]["Properties"]}
        logging = properties.get("LoggingConfig", {})
        return subprocess.run(
            [
                sys.executable,
                "-I",
                "-S",
                RUNTIME_SCRIPT,
                self.code,
                self.packages,
                properties["Handler"],
            ],
            input=json.dumps(event),
            env={
                **properties["Environment"]["Variables"],
                "AWS_LAMBDA_LOG_FORMAT": logging.get("LogFormat", "Text"),
                "AWS_LAMBDA_LOG_LEVEL": logging.get("ApplicationLogLevel", ""),
                "AWS_ACCESS_KEY_ID": name,
                "AWS_SECRET_ACCESS_KEY": "secret",
                "AWS_REGION": REGION,
                "AWS_DEFAULT_REGION": REGION,
                "AWS_ENDPOINT_URL": url,
                "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI": f"{url}/api",
            },
            capture_output=True,
            text=True,
        )


def event(kind: str, connection: str, **extra: Any) -> dict[str, Any]:
    """Return an event of API Gateway."""
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
    """Create the table of the template."""
    properties = dict(deployed.resources["ConnectionsTable"]["Properties"])
    keys = ["AttributeDefinitions", "KeySchema", "BillingMode"]
    aws.client("dynamodb").create_table(
        TableName=f"{stack}-connections", **{key: properties[key] for key in keys}
    )


ANN, BOB = "PJqB0fHsqRcCHlw=", "PJqB1dHsqRcCHlw="


@pytest.mark.full
def test_functions_work_with_their_own_policies(
    aws: Account, bake: Bake, runtime_packages: Path
) -> None:
    app = bake()
    package(app, "prod")
    deployed = Deployed(app / "build" / "prod" / "template.json", runtime_packages)
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


@pytest.mark.full
def test_functions_log_fields_of_metric_filters(
    aws: Account, bake: Bake, runtime_packages: Path
) -> None:
    """Run with the log level of the template: a higher one drops the lines that metrics count."""
    app = bake()
    resources = package(app, "prod", "production")["Resources"].values()
    filters = [each for each in resources if each["Type"] == "AWS::Logs::MetricFilter"]
    fields = set(re.findall(r"\$\.(\w+) > 0", json.dumps(filters)))
    # Its line is a warning, which API Gateway causes.
    fields.remove("throttled")
    assert fields == {"delivered", "gone", "failed", "untried"}
    deployed = Deployed(app / "build" / "prod" / "template.json", runtime_packages)
    create_table(aws, deployed, "chalice-ws-app-prod")
    with Roles(aws.endpoint, deployed.policies()) as roles:
        deployed.run("WebsocketConnect", event("CONNECT", ANN), roles.url)
        done = deployed.run("Notify", {"channel": "lobby", "data": "ready"}, roles.url)
    logged = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    counts = [{field: line[field] for field in fields} for line in logged if fields <= line.keys()]
    assert counts == [{"delivered": 1, "gone": 0, "failed": 0, "untried": 0}]


@pytest.mark.full
def test_failed_push_counts_and_is_no_logged_error(
    aws: Account, bake: Bake, runtime_packages: Path
) -> None:
    """The alarm for failed pushes has a threshold. The alarm for logged errors has none."""
    app = bake()
    package(app, "prod", "production")
    deployed = Deployed(app / "build" / "prod" / "template.json", runtime_packages)
    create_table(aws, deployed, "chalice-ws-app-prod")
    with Roles(aws.endpoint, deployed.policies()) as roles:
        for connection in (ANN, BOB):
            deployed.run("WebsocketConnect", event("CONNECT", connection), roles.url)
        roles.broken = {BOB}
        done = deployed.run("Notify", {"channel": "lobby", "data": "ready"}, roles.url)
    outcome = json.loads(done.stdout)
    assert (outcome["delivered"], outcome["failed"]) == (1, 1)
    logged = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]
    assert any("not delivered" in line["message"] for line in logged)
    assert {line["level"] for line in logged} <= {"INFO", "WARNING"}


def test_function_without_policy_is_denied(
    aws: Account, bake: Bake, runtime_packages: Path
) -> None:
    app = bake()
    package(app, "dev")
    deployed = Deployed(app / "build" / "dev" / "template.json", runtime_packages)
    create_table(aws, deployed, "chalice-ws-app-dev")
    policies = deployed.policies()
    policies["WebsocketConnect"]["Statement"] = []
    with Roles(aws.endpoint, policies) as roles:
        done = deployed.run("WebsocketConnect", event("CONNECT", ANN), roles.url)
        assert done.returncode != 0
        assert "AccessDeniedException" in done.stderr
        assert roles.denied


@pytest.mark.parametrize(
    ("tag", "installable"),
    [
        ("py3-none-any", True),
        # The tag needs a newer C library than Lambda's. Chalice's pip accepts it on this machine.
        pytest.param(
            f"py3-none-manylinux_2_35_{platform.machine()}", False, marks=pytest.mark.full
        ),
    ],
)
def test_package_fails_when_dependency_is_not_in_zip(
    bake: Bake,
    tmp_path: Path,
    runtime_packages: Path,
    monkeypatch: pytest.MonkeyPatch,
    tag: str,
    installable: bool,
) -> None:
    """Compare with Chalice, which reports "Could not install dependencies" and goes on."""
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
    # Chalice imports the app when it packages. This file is not deployed.
    (app / "needed.py").write_text("")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    if not installable:
        for _ in range(2):
            with pytest.raises(AssertionError, match="error: Chalice cannot package the app"):
                package(app, "dev")
    OFFLINE.run(app, "chalice", "package", "--stage", "dev", "build/dev")
    deployed = Deployed(app / "build" / "dev" / "sam.json", runtime_packages)
    done = deployed.run("WebsocketConnect", event("CONNECT", ANN), "http://127.0.0.1:1")
    assert ("No module named 'needed'" in done.stderr) is not installable
    assert ("EndpointConnectionError" in done.stderr) is installable

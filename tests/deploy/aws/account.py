"""An account in which nothing is, as a test sees it: what is in it, and processes that use it."""

import ast
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3

REGION = "us-east-1"
BIN = Path(sys.executable).parent

# What lists the things of a kind: service, operation, the answer's list, what names a thing in it.
LISTS = [
    ("apigatewayv2", "get_apis", "Items", "Name"),
    ("lambda", "list_functions", "Functions", "FunctionName"),
    ("lambda", "list_event_source_mappings", "EventSourceMappings", "UUID"),
    ("iam", "list_roles", "Roles", "RoleName"),
    ("dynamodb", "list_tables", "TableNames", None),
    ("s3", "list_buckets", "Buckets", "Name"),
    ("sns", "list_topics", "Topics", "TopicArn"),
    ("sqs", "list_queues", "QueueUrls", None),
    ("logs", "describe_log_groups", "logGroups", "logGroupName"),
    ("logs", "describe_metric_filters", "metricFilters", "filterName"),
    ("cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    ("cloudwatch", "list_dashboards", "DashboardEntries", "DashboardName"),
]


@dataclass(frozen=True)
class Account:
    """A server at `endpoint` that stands for AWS, with nothing in it at first."""

    endpoint: str

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to take the server for AWS."""
        return {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "HOME": os.environ["HOME"],
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
            "PYTHONDONTWRITEBYTECODE": "1",
            **{name: value for name, value in os.environ.items() if name.startswith("PIP_")},
        }

    def client(self, service: str) -> Any:
        """A boto3 client of a service in the account."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def run(self, folder: Path, *command: str, **environment: str) -> str:
        """Run a command in a folder and return what it printed.

        Raises:
            AssertionError: It failed; with all that it printed.
        """
        done = subprocess.run(
            command,
            cwd=folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def make(self, folder: Path, target: str, **variables: str) -> str:
        """Run a target of an app's Makefile, with this Python's packages; see `run`."""
        installed = BIN.parent / "installed"
        given = [f"{name}={value}" for name, value in {"VENV": BIN.parent, **variables}.items()]
        return self.run(folder, "make", "-s", "-o", str(installed), target, *given)

    def apis(self) -> list[dict[str, Any]]:
        """The APIs that there are."""
        found: list[dict[str, Any]] = self.client("apigatewayv2").get_apis()["Items"]
        return found

    def deployments(self) -> list[str]:
        """The ids of the only API's deployments."""
        (api,) = self.apis()
        answer = self.client("apigatewayv2").get_deployments(ApiId=api["ApiId"])
        return [deployment["DeploymentId"] for deployment in answer["Items"]]

    def served(self, api: str | None = None) -> dict[str, str]:
        """The routes that stage `api` of an API, or of the only one, serves, with the functions."""
        gateway = self.client("apigatewayv2")
        if api is None:
            (api,) = (one["ApiId"] for one in self.apis())
        deployment = gateway.get_stage(ApiId=api, StageName="api")["DeploymentId"]
        live = gateway.get_deployment(ApiId=api, DeploymentId=deployment)
        routes = json.loads(live["DeploymentStatusMessage"])
        return {key: uri.removesuffix("/invocations").split(":")[-1] for key, uri in routes.items()}

    def role_policy(self, role: str) -> Any:
        """The only policy of a role, after a look at who may take the role."""
        iam = self.client("iam")
        (trusted,) = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"]
        assert trusted["Principal"] == {"Service": "lambda.amazonaws.com"}
        assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
        (inline,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        document = iam.get_role_policy(RoleName=role, PolicyName=inline)["PolicyDocument"]
        # moto's CloudFormation gives it as Python writes it.
        return ast.literal_eval(document) if isinstance(document, str) else document

    def contents(self) -> dict[str, list[str]]:
        """The names of all things in the account, by their kind; kinds without any are left out."""
        found = {}
        for service, operation, key, name in LISTS:
            things = getattr(self.client(service), operation)().get(key, [])
            if things:
                found[key] = sorted(thing[name] if name else thing for thing in things)
        return found

    def reset(self) -> None:
        """Throw away all that is in the account."""
        urlopen(Request(f"{self.endpoint}/moto-api/reset", method="POST"), timeout=10).close()


NOWHERE = Account("http://127.0.0.1:1")


def package(app: Path, stage: str, *extras: str, region: str = REGION) -> dict[str, Any]:
    """What `make package` makes of an app for CloudFormation, under build/: its template."""
    variables = {"STAGE": stage, "AWS_REGION": region}
    if extras:
        variables[f"EXTRAS_{stage}"] = " ".join(extras)
    NOWHERE.make(app, "package", **variables)
    template: dict[str, Any] = json.loads((app / "build" / stage / "template.json").read_text())
    return template


def settings(app: Path, stage: str) -> dict[str, dict[str, Any]]:
    """What .chalice/config.json says of each function, as Chalice calls it, its policy read."""
    config = json.loads((app / ".chalice" / "config.json").read_text())
    found = {}
    for name, own in config["stages"][stage]["lambda_functions"].items():
        policy = json.loads((app / ".chalice" / own["iam_policy_file"]).read_text())
        found[name] = {**config, **config["stages"][stage], **own, "policy": policy}
    return found

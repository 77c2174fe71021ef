"""A simulated account: its contents, and the processes that use it."""

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

# The operations that list resources: service, operation, list in the answer, name of a member.
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
    """A server at `endpoint` that simulates AWS. It is empty at first."""

    endpoint: str

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of a process that uses the account."""
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
        """Return a boto3 client of a service."""
        return boto3.client(
            service,
            region_name=REGION,
            endpoint_url=self.endpoint,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )

    def run(self, folder: Path, *command: str, **environment: str) -> str:
        """Run a command in a folder. Return its output.

        Raises:
            AssertionError: the command failed. The message has its output.
        """
        done = subprocess.run(
            command,
            cwd=folder,
            env={**self.environment, **environment},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr

    def make(self, folder: Path, target: str, **variables: str) -> str:
        """Run a target of an app's Makefile in this Python's environment, as `run` does."""
        given = [f"{name}={value}" for name, value in {"VENV": BIN.parent, **variables}.items()]
        return self.run(folder, "make", "-s", "-o", "install", target, *given)

    def apis(self) -> list[dict[str, Any]]:
        """Return the APIs."""
        found: list[dict[str, Any]] = self.client("apigatewayv2").get_apis()["Items"]
        return found

    def deployments(self) -> list[str]:
        """Return the ids of the deployments of the only API."""
        (api,) = self.apis()
        answer = self.client("apigatewayv2").get_deployments(ApiId=api["ApiId"])
        return [deployment["DeploymentId"] for deployment in answer["Items"]]

    def served(self, api: str | None = None) -> dict[str, str]:
        """Return the functions that stage `api` of an API serves, by route key.

        Without an id it is the only API.
        """
        gateway = self.client("apigatewayv2")
        if api is None:
            (api,) = (one["ApiId"] for one in self.apis())
        deployment = gateway.get_stage(ApiId=api, StageName="api")["DeploymentId"]
        live = gateway.get_deployment(ApiId=api, DeploymentId=deployment)
        routes = json.loads(live["DeploymentStatusMessage"])
        return {key: uri.removesuffix("/invocations").split(":")[-1] for key, uri in routes.items()}

    def role_policy(self, role: str) -> Any:
        """Return the only policy of a role. Assert that only Lambda may assume it."""
        iam = self.client("iam")
        (trusted,) = iam.get_role(RoleName=role)["Role"]["AssumeRolePolicyDocument"]["Statement"]
        assert trusted["Principal"] == {"Service": "lambda.amazonaws.com"}
        assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
        (inline,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        document = iam.get_role_policy(RoleName=role, PolicyName=inline)["PolicyDocument"]
        # moto's CloudFormation returns the document as a Python literal.
        return ast.literal_eval(document) if isinstance(document, str) else document

    def contents(self) -> dict[str, list[str]]:
        """Return the names of all resources by type. Types without resources are left out."""
        found = {}
        for service, operation, key, name in LISTS:
            members = getattr(self.client(service), operation)().get(key, [])
            if members:
                found[key] = sorted(each[name] if name else each for each in members)
        return found

    def reset(self) -> None:
        """Delete all resources."""
        urlopen(Request(f"{self.endpoint}/moto-api/reset", method="POST")).close()


OFFLINE = Account("http://127.0.0.1:1")


def package(app: Path, stage: str, *extras: str, region: str = REGION) -> dict[str, Any]:
    """Run `make package` in an app. Return the template."""
    variables = {"STAGE": stage, "AWS_REGION": region}
    if extras:
        variables[f"EXTRAS_{stage}"] = " ".join(extras)
    OFFLINE.make(app, "package", **variables)
    template: dict[str, Any] = json.loads((app / "build" / stage / "template.json").read_text())
    return template


def settings(app: Path, stage: str) -> dict[str, dict[str, Any]]:
    """Return the settings of each function by Chalice's name for it, with its policy."""
    config = json.loads((app / ".chalice" / "config.json").read_text())
    found = {}
    for name, own in config["stages"][stage]["lambda_functions"].items():
        policy = json.loads((app / ".chalice" / own["iam_policy_file"]).read_text())
        found[name] = {**config, **config["stages"][stage], **own, "policy": policy}
    return found

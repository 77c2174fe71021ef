"""An account in which nothing is, as a test sees it: what is in it, and processes that use it."""

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


def package(app: Path, stage: str, folder: Path, merged: bool = True) -> dict[str, Any]:
    """What Chalice makes of an app for CloudFormation: the template, and beside it deployment.zip."""
    merge = ["--merge-template", "resources.json"] if merged else []
    Account("http://127.0.0.1:1").run(
        app, "chalice", "package", "--stage", stage, *merge, str(folder)
    )
    template: dict[str, Any] = json.loads((folder / "sam.json").read_text())
    return template

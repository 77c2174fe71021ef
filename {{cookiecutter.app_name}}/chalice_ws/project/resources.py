"""What resources*.json, the part of the CloudFormation template that is the owner's, means here."""

import json
import os
from pathlib import Path
from typing import Any

import boto3
from chalice.config import Config

from chalice_ws.project.config import AppError

TABLE = "AWS::DynamoDB::Table"
QUEUE = "AWS::SQS::Queue"
SOURCE = "AWS::Lambda::EventSourceMapping"

# The one that moto has.
ACCOUNT = "123456789012"


# What CreateTable takes of an AWS::DynamoDB::Table; the rest has no meaning here.
_CREATE = {
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
    "ProvisionedThroughput",
    "StreamSpecification",
    "TableName",
}


class Resources:
    """A CloudFormation template.

    Args:
        paths: the files that it is merged from; those that are not there are empty.
        stack: what ${AWS::StackName} stands for.

    Raises:
        ValueError: a file is not JSON, or no template.
    """

    def __init__(self, paths: list[Path], stack: str) -> None:
        self._resources: dict[str, Any] = {}
        self._names = {"AWS::StackName": stack}
        self._arns: dict[str, str] = {}
        try:
            for path in paths:
                content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
                self._resources = _merge(self._resources, content.get("Resources", {}))
            for logical_id, properties in self._properties(QUEUE):
                name = self._resolve(properties.get("QueueName", f"{stack}-{logical_id}"))
                # An SQS client goes where AWS_ENDPOINT_URL says: only the path matters.
                self._names[logical_id] = f"http://localhost/{ACCOUNT}/{name}"
                region = os.environ.get("AWS_REGION", "us-east-1")
                self._arns[logical_id] = f"arn:aws:sqs:{region}:{ACCOUNT}:{name}"
            for logical_id, properties in self._properties(TABLE):
                name = self._resolve(properties.get("TableName", f"{stack}-{logical_id}"))
                self._names[logical_id] = name
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"not of a template's form: {error!r}") from None

    def tables(self) -> list[dict[str, Any]]:
        """The properties of each table, its name among them."""
        return [
            {**self._resolve(properties), "TableName": self._names[logical_id]}
            for logical_id, properties in self._properties(TABLE)
        ]

    def queues(self) -> dict[str, dict[str, Any]]:
        """The properties of each queue by its URL."""
        queues = self._properties(QUEUE)
        return {self._names[logical_id]: self._resolve(each) for logical_id, each in queues}

    def sources(self) -> list[dict[str, Any]]:
        """The properties of each queue's event source mapping, its queue's URL as QueueUrl."""
        urls = {arn: self._names[logical_id] for logical_id, arn in self._arns.items()}
        sources = [self._resolve(properties) for _, properties in self._properties(SOURCE)]
        found = ((urls.get(str(source["EventSourceArn"])), source) for source in sources)
        return [{**source, "QueueUrl": url} for url, source in found if url]

    def variables(self, logical_id: str) -> dict[str, str]:
        """The environment that the template gives to a function, beside the settings."""
        properties = self._resources.get(logical_id, {}).get("Properties", {})
        variables = self._resolve(properties.get("Environment", {}).get("Variables", {}))
        return {name: value for name, value in variables.items() if isinstance(value, str)}

    def _properties(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        # A resource that patches one of Chalice's has no type.
        found = self._resources.items()
        return [(name, each["Properties"]) for name, each in found if each.get("Type") == kind]

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._resolve(each) for each in value]
        if not isinstance(value, dict):
            return value
        if value.keys() == {"Ref"}:
            return self._names.get(value["Ref"], value)
        if value.keys() == {"Fn::GetAtt"} and value["Fn::GetAtt"][1:] == ["Arn"]:
            return self._arns.get(value["Fn::GetAtt"][0], value)
        if value.keys() == {"Fn::Sub"} and isinstance(value["Fn::Sub"], str):
            text = value["Fn::Sub"]
            for name, replacement in self._names.items():
                text = text.replace(f"${{{name}}}", replacement)
            return text
        return {key: self._resolve(each) for key, each in value.items()}


def _merge(one: Any, other: Any) -> Any:
    # As Chalice merges a template into its own.
    if not (isinstance(one, dict) and isinstance(other, dict)):
        return other
    return {**one, **{name: _merge(one.get(name), each) for name, each in other.items()}}


def read_resources(config: Config) -> Resources:
    """Read resources.json of the app, with what it needs past one function; raises AppError."""
    names = ["resources.json"]
    if "FANOUT_LIMIT" in config.environment_variables:
        names.append("resources/scale.json")
    paths = [Path(config.project_dir) / name for name in names]
    try:
        return Resources(paths, f"{config.app_name}-{config.chalice_stage}")
    except ValueError as error:
        raise AppError(f"no resources from {' and '.join(map(str, paths))}: {error}") from None


def create_tables(tables: list[dict[str, Any]]) -> None:
    """Create tables, here or on AWS, from the properties that CloudFormation would be given."""
    dynamodb = boto3.client("dynamodb")
    for table in tables:
        dynamodb.create_table(**{key: table[key] for key in _CREATE & table.keys()})
        if ttl := table.get("TimeToLiveSpecification"):
            name = table["TableName"]
            dynamodb.get_waiter("table_exists").wait(TableName=name)
            dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)

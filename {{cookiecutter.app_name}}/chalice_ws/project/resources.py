"""The resources of a stage: the content of its resource files, with the references resolved."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from chalice.config import Config

from chalice_ws.project.config import stack_name
from chalice_ws.project.references import references
from chalice_ws.project.resource_files import merge, read_resource_file, resource_files

LOG_GROUP = "AWS::Logs::LogGroup"
TABLE = "AWS::DynamoDB::Table"
QUEUE = "AWS::SQS::Queue"
TOPIC = "AWS::SNS::Topic"
SUBSCRIPTION = "AWS::SNS::Subscription"
PARAMETER = "AWS::SSM::Parameter"
SECRET = "AWS::SecretsManager::Secret"
SOURCE = "AWS::Lambda::EventSourceMapping"

# moto's account.
ACCOUNT = "123456789012"

# On AWS the label of a table's stream is the time when it was made.
STREAM_LABEL = "local"


# The property with the name of a resource, and its ARN after the partition.
_NAMES = {
    TABLE: ("TableName", "arn:aws:dynamodb:{}:table/{}"),
    LOG_GROUP: ("LogGroupName", "arn:aws:logs:{}:log-group:{}:*"),
    QUEUE: ("QueueName", "arn:aws:sqs:{}:{}"),
    TOPIC: ("TopicName", "arn:aws:sns:{}:{}"),
    PARAMETER: ("Name", "arn:aws:ssm:{}:parameter/{}"),
    SECRET: ("Name", "arn:aws:secretsmanager:{}:secret:{}"),
}


class Resources:
    """The resources of a stack, with the references among them resolved.

    Args:
        paths: the resource files, in the order in which they are merged.
        stack: the value of ${AWS::StackName}.

    Raises:
        AppError: a file cannot be read, or is not a template.
    """

    def __init__(self, paths: Iterable[Path], stack: str) -> None:
        self._resources: dict[str, Any] = {}
        region = os.environ.get("AWS_REGION", "us-east-1")
        self._names = {
            "AWS::StackName": stack,
            "AWS::Region": region,
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": "aws",
        }
        # By logical id and attribute, such as Table.Arn.
        self._attributes: dict[str, str] = {}
        for path in paths:
            self._resources = merge(self._resources, read_resource_file(path)["Resources"])
        for kind, (key, arn) in _NAMES.items():
            for logical_id, properties in self._properties(kind):
                name = self._resolve(properties.get(key))
                end = ".fifo" if {"FifoQueue", "FifoTopic"} & properties.keys() else ""
                # Only CloudFormation can evaluate some names, such as Fn::If. This one stands in.
                name = name if isinstance(name, str) else f"{stack}-{logical_id}{end}"
                self._names[logical_id] = name
                self._attributes[f"{logical_id}.Arn"] = arn.format(f"{region}:{ACCOUNT}", name)
        for logical_id, _ in self._properties(QUEUE):
            # An SQS client connects to AWS_ENDPOINT_URL. Only the path of this URL matters.
            self._names[logical_id] = f"http://localhost/{ACCOUNT}/{self._names[logical_id]}"
        for logical_id, _ in self._properties(TABLE):
            stream = f"{self._attributes[f'{logical_id}.Arn']}/stream/{STREAM_LABEL}"
            self._attributes[f"{logical_id}.StreamArn"] = stream
        for kind in (TOPIC, SECRET):
            for logical_id, _ in self._properties(kind):
                self._attributes[f"{logical_id}.Name"] = self._names[logical_id]
                self._names[logical_id] = self._attributes[f"{logical_id}.Arn"]

    def tables(self) -> list[dict[str, Any]]:
        """Return the properties of each table, with its TableName."""
        return [
            {**self._resolve(properties), "TableName": self._names[logical_id]}
            for logical_id, properties in self._properties(TABLE)
        ]

    def retained_ids(self) -> set[str]:
        """Return the logical ids of the resources that outlive the stack."""
        return {
            logical_id
            for logical_id, resource in self._resources.items()
            if str(resource.get("DeletionPolicy")).startswith("Retain")
        }

    def retained_by_name(self, kind: str) -> dict[str, bool]:
        """Return the names of the tables or log groups, each with whether it outlives the stack."""
        found, retained = self._properties(kind), self.retained_ids()
        return {self._names[logical_id]: logical_id in retained for logical_id, _ in found}

    def sources(self) -> list[dict[str, Any]]:
        """Return the properties of each event source mapping of a queue, with the QueueUrl."""
        queues = self._properties(QUEUE)
        urls = {self._attributes[f"{each}.Arn"]: self._names[each] for each, _ in queues}
        sources = [self._resolve(properties) for _, properties in self._properties(SOURCE)]
        found = ((urls.get(str(source.get("EventSourceArn"))), source) for source in sources)
        return [{**source, "QueueUrl": url} for url, source in found if url]

    def stream_sources(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the table and the properties of each event source mapping of a table's stream."""
        ids = [logical_id for logical_id, _ in self._properties(TABLE)]
        tables = {self._attributes[f"{each}.StreamArn"]: self._names[each] for each in ids}
        for _, properties in self._properties(SOURCE):
            source = self._resolve(properties)
            if table := tables.get(str(source.get("EventSourceArn"))):
                yield table, source

    def named(self, kind: str) -> dict[str, dict[str, Any]]:
        """Return the properties of each resource of a kind, by the value of its Ref."""
        found = self._properties(kind)
        return {self._names.get(each, each): self._resolve(values) for each, values in found}

    @property
    def content(self) -> dict[str, Any]:
        """The resources by logical id, as the files have them."""
        return self._resources

    def function_queues(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield the logical id of each function that a queue of the files calls, with the queue."""
        queues = self.named(QUEUE)
        for source in self.sources():
            if function := called_function(source):
                yield function, queues[source["QueueUrl"]]

    def variables(self, logical_id: str) -> dict[str, str]:
        """Return the environment variables that the resource files give to a function.

        Those whose value only the stack knows are left out.
        """
        variables = self.all_variables(logical_id).items()
        return {
            name: value for name, value in variables if isinstance(value, str) and "${" not in value
        }

    def all_variables(self, logical_id: str) -> dict[str, Any]:
        """Return all environment variables that the resource files give to a function."""
        properties = self._resources.get(logical_id, {}).get("Properties", {})
        return dict(self._resolve(properties.get("Environment", {}).get("Variables", {})))

    def _properties(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        # A resource without a type changes one that Chalice makes, and is of no kind here.
        found = self._resources.items()
        return [
            (name, each.get("Properties", {})) for name, each in found if each.get("Type") == kind
        ]

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._resolve(each) for each in value]
        if not isinstance(value, dict):
            return value
        if value.keys() == {"Ref"}:
            return self._names.get(value["Ref"], value)
        if value.keys() == {"Fn::GetAtt"}:
            parts = value["Fn::GetAtt"]
            name = parts if isinstance(parts, str) else ".".join(map(str, parts))
            return self._attributes.get(name, value)
        if value.keys() == {"Fn::Sub"} and isinstance(value["Fn::Sub"], str):
            text = value["Fn::Sub"]
            for name, replacement in {**self._names, **self._attributes}.items():
                text = text.replace(f"${{{name}}}", replacement)
            return text
        return {key: self._resolve(each) for key, each in value.items()}


def called_function(source: dict[str, Any]) -> str:
    """Return the logical id of the function of an event source mapping, or an empty string."""
    return min(references(source.get("FunctionName")), default="")


def needed_extras(config: Config) -> list[str]:
    """Return the extras that the settings of a stage need: FANOUT_LIMIT needs its queue."""
    path = Path(config.project_dir) / "resources" / "scale.json"
    return ["scale"] if "FANOUT_LIMIT" in config.environment_variables and path.exists() else []


def read_resources(
    config: Config, extras: Iterable[str] = (), files: Iterable[Path] = ()
) -> Resources:
    """Read the resource files of a stage, with those that its settings need.

    Args:
        config: the settings of the stage.
        extras: the names of other files in the folder resources/.
        files: resource files of other names, which are merged last.

    Raises:
        AppError: a file is missing or not valid.
    """
    paths = resource_files(Path(config.project_dir), [*extras, *needed_extras(config)])
    paths += [path.resolve() for path in files]
    return Resources(paths, stack_name(config))

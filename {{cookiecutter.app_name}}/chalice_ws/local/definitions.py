"""The tables, rows, queues, topics, parameters and secrets that an app expects.

They come from its resource files. `.chalice/local.json`, which git ignores, has further values:

    {"parameters": {"/app/key": "value"}, "secrets": {"app/webhook": {"key": "value"}},
     "rows": {"app-dev-members": [{"channel": "tea", "user": "ann"}]}}
"""

import json
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from secrets import token_hex
from typing import Any

from boto3.dynamodb.types import TypeSerializer

from chalice_ws.project.config import AppError, read_json, shown
from chalice_ws.project.resources import PARAMETER, QUEUE, SECRET, SUBSCRIPTION, TOPIC, Resources

LOCAL_VALUES = ".chalice/local.json"

Properties = dict[str, Any]

# The properties of a subscription that are attributes of Subscribe.
_ATTRIBUTES = {"FilterPolicy", "FilterPolicyScope", "RawMessageDelivery"}


@dataclass(frozen=True)
class Definitions:
    """The definitions for the services on this machine.

    Args:
        tables: the properties of each table.
        queues: the properties of each queue, by its URL.
        topics: the requests of Subscribe for the queues of each topic, by the topic's name.
        parameters: the requests of PutParameter.
        secrets: the text of each secret, by its name.
        rows: the rows of tables, by the table's name, with the types of DynamoDB.
    """

    tables: list[Properties] = field(default_factory=list)
    queues: dict[str, Properties] = field(default_factory=dict)
    topics: dict[str, list[Properties]] = field(default_factory=dict)
    parameters: list[Properties] = field(default_factory=list)
    secrets: dict[str, str] = field(default_factory=dict)
    rows: dict[str, list[Properties]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return any(vars(self).values())


def read_definitions(project: Path, resources: Resources) -> Definitions:
    """Return the definitions of an app.

    Args:
        project: the folder of the app.
        resources: its resource files.

    Raises:
        AppError: `.chalice/local.json` is not valid.
    """
    parameters = {
        name: {"Type": str(each.get("Type", "String")), "Value": str(each.get("Value", ""))}
        for name, each in resources.named(PARAMETER).items()
    }
    created = resources.named(SECRET).items()
    secrets = {_name(arn): each.get("SecretString") or _generate(each) for arn, each in created}
    own = _read_local_values(project / LOCAL_VALUES)
    parameters |= {name: _parameter(name, each) for name, each in own["parameters"].items()}
    secrets |= {name: _text(each) for name, each in own["secrets"].items()}
    tables = resources.tables()
    names = [table["TableName"] for table in tables]
    return Definitions(
        tables,
        resources.named(QUEUE),
        {
            _name(arn): _subscriptions(arn, each, resources)
            for arn, each in resources.named(TOPIC).items()
        },
        [{"Name": name, **each} for name, each in parameters.items()],
        secrets,
        {name: _rows(name, each, names) for name, each in own["rows"].items()},
    )


def _rows(table: str, rows: Any, tables: list[str]) -> list[Properties]:
    if table not in tables:
        problem = f"rows has a table that no resource file defines (got {table!r})"
        use = f"use one of {', '.join(tables)}" if tables else "define it in resources.json"
        raise AppError(f"{LOCAL_VALUES}: {problem}; {use}")
    if not isinstance(rows, list) or not all(isinstance(each, dict) for each in rows):
        problem = f"rows of {table} is not a list of objects (got {rows!r})"
        raise AppError(f'{LOCAL_VALUES}: {problem}; use [{{"KEY": "VALUE"}}]')
    # The serializer refuses a float.
    exact = json.loads(json.dumps(rows), parse_float=Decimal)
    serialize = TypeSerializer().serialize
    try:
        return [{key: serialize(value) for key, value in row.items()} for row in exact]
    # A number is NaN, infinite or too long for DynamoDB.
    except (ArithmeticError, TypeError):
        problem = f"a number in rows of {table} is not valid (got {rows!r})"
        raise AppError(f"{LOCAL_VALUES}: {problem}; use at most 38 digits") from None


def _subscriptions(arn: str, topic: Properties, resources: Resources) -> list[Properties]:
    given = [*topic.get("Subscription", []), *resources.named(SUBSCRIPTION).values()]
    queues = [each for each in given if each.get("Protocol") == "sqs"]
    return [
        {
            "Protocol": "sqs",
            "Endpoint": each.get("Endpoint"),
            "Attributes": {name: _text(each[name]) for name in _ATTRIBUTES & each.keys()},
        }
        for each in queues
        if each.get("TopicArn", arn) == arn
    ]


def _read_local_values(path: Path) -> dict[str, dict[str, Any]]:
    values: dict[str, dict[str, Any]] = {"parameters": {}, "secrets": {}, "rows": {}}
    if path.exists():
        values |= read_json(path)
    for name, each in values.items():
        if name not in ("parameters", "secrets", "rows"):
            use = "use parameters, secrets and rows"
            raise AppError(f"{shown(path)} has an unknown name (got {name!r}); {use}")
        if not isinstance(each, dict):
            use = '{"NAME": "VALUE"}'
            raise AppError(f"{shown(path)}: {name} is not an object (got {each!r}); use {use}")
    return values


def _parameter(name: str, value: Any) -> Properties:
    if isinstance(value, str):
        return {"Type": "SecureString", "Value": value}
    if isinstance(value, dict) and value.keys() == {"Type", "Value"}:
        return {key: str(each) for key, each in value.items()}
    use = '"VALUE", or {"Type": "String", "Value": "VALUE"}'
    raise AppError(f"{LOCAL_VALUES}: the parameter {name} is not valid (got {value!r}); use {use}")


def _generate(properties: Properties) -> str:
    settings, value = properties.get("GenerateSecretString", {}), token_hex()
    if "GenerateStringKey" not in settings:
        return value
    template = settings.get("SecretStringTemplate", "{}")
    try:
        return json.dumps({**json.loads(template), settings["GenerateStringKey"]: value})
    except (TypeError, ValueError):
        what = f"SecretStringTemplate is not a JSON object (got {template!r})"
        raise AppError(f"{what}; use such as '{{}}'") from None


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _name(arn: str) -> str:
    # The last part of the ARN of a topic or a secret.
    return arn.split(":", 6)[-1] if ":secret:" in arn else arn.rpartition(":")[2]

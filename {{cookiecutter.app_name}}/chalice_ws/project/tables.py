"""Tables of DynamoDB, created from the properties that CloudFormation takes."""

from typing import Any

import boto3

# The properties of an AWS::DynamoDB::Table that CreateTable accepts.
_TABLE_PROPERTIES = {
    "AttributeDefinitions",
    "BillingMode",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "LocalSecondaryIndexes",
    "ProvisionedThroughput",
    "StreamSpecification",
    "TableName",
}

_INDEX_PROPERTIES = {"IndexName", "KeySchema", "Projection", "ProvisionedThroughput"}


def find_unknown_table(name: str, tables: list[dict[str, Any]]) -> str:
    """Return a line if CONNECTIONS_TABLE names none of the tables, or else an empty string."""
    names = [table["TableName"] for table in tables]
    if name in names:
        return ""
    use = f"use {' or '.join(names)}" if names else "define it there"
    return f"CONNECTIONS_TABLE is not in resources.json (got {name!r}); {use}"


def create_tables(tables: list[dict[str, Any]]) -> None:
    """Create tables from the properties that CloudFormation takes."""
    dynamodb = boto3.client("dynamodb")
    for table in tables:
        dynamodb.create_table(**_create_table_request(table))
        if ttl := table.get("TimeToLiveSpecification"):
            name = table["TableName"]
            dynamodb.get_waiter("table_exists").wait(TableName=name)
            dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)


def _create_table_request(table: dict[str, Any]) -> dict[str, Any]:
    # CloudFormation has more properties, takes numbers as text, and needs no StreamEnabled.
    request = {key: table[key] for key in _TABLE_PROPERTIES & table.keys()}
    if stream := request.get("StreamSpecification"):
        view = {key: stream[key] for key in {"StreamViewType"} & stream.keys()}
        request["StreamSpecification"] = {"StreamEnabled": True, **view}
    if indexes := request.get("GlobalSecondaryIndexes"):
        request["GlobalSecondaryIndexes"] = [
            _with_numbers({key: each[key] for key in _INDEX_PROPERTIES & each.keys()})
            for each in indexes
        ]
    return _with_numbers(request)


def _with_numbers(properties: dict[str, Any]) -> dict[str, Any]:
    throughput = properties.get("ProvisionedThroughput")
    if not throughput:
        return properties
    numbers = {name: int(value) for name, value in throughput.items()}
    return {**properties, "ProvisionedThroughput": numbers}

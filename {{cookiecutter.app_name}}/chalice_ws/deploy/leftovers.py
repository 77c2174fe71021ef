"""Tables and log groups that exist outside of the stack, and block the next one.

A deleted stack leaves what has a DeletionPolicy of Retain. API Gateway writes late access logs into
a new log group. `make table` creates tables and log groups without a stack.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chalice.config import Config

from chalice_ws.project.config import stack_name
from chalice_ws.project.resource_files import resource_files
from chalice_ws.project.resources import LOG_GROUP, TABLE, Resources, read_resources


@dataclass(frozen=True)
class Existing:
    """A table or a log group that exists in AWS.

    Args:
        kind: its type in CloudFormation.
        is_retained: it outlives its stack, by its DeletionPolicy.
        item_count: the rows of a table, as DynamoDB counted them some hours ago.
    """

    kind: str
    name: str
    is_retained: bool
    item_count: int = 0

    @property
    def description(self) -> str:
        """The kind and the name, for messages."""
        if self.kind == TABLE:
            return f"the table {self.name} (about {self.item_count} rows)"
        return f"the log group {self.name}"


def find_existing(
    session: Any,
    config: Config,
    extras: Iterable[str] | None = None,
    others: Mapping[str, bool] | None = None,
) -> list[Existing]:
    """Return those tables and log groups of a stage that exist.

    Args:
        session: a boto3 session.
        config: the settings of the stage.
        extras: the resource files to read after resources.json. None: each file, in turn.
        others: more names of tables, each with whether it is retained.
    """
    names = _names(config, extras)
    tables = {**(others or {}), **names[TABLE]}
    found = [_find_table(session, name, kept) for name, kept in tables.items()]
    found += [_find_log_group(session, name, kept) for name, kept in names[LOG_GROUP].items()]
    return [each for each in found if each is not None]


def delete(session: Any, existing: Iterable[Existing]) -> None:
    """Delete tables and log groups."""
    for each in existing:
        if each.kind == TABLE:
            session.client("dynamodb").delete_table(TableName=each.name)
        else:
            session.client("logs").delete_log_group(logGroupName=each.name)


def function_log_groups(config: Config) -> list[str]:
    """Return the log groups of the functions that `chalice deploy` creates."""
    stage = config.config_from_disk.get("stages", {}).get(config.chalice_stage, {})
    functions = stage.get("lambda_functions", {})
    return [f"/aws/lambda/{stack_name(config)}-{name}" for name in functions]


def retained_ids(config: Config) -> set[str]:
    """Return the logical ids of the resources that outlive the stack, in any resource file."""
    return {each for resources in _in_turn(config) for each in resources.retained_ids()}


def _names(config: Config, extras: Iterable[str] | None) -> dict[str, dict[str, bool]]:
    if extras is not None:
        return _names_of(config, [read_resources(config, extras)])
    names = _names_of(config, [read_resources(config), *_in_turn(config)])
    names[LOG_GROUP] |= dict.fromkeys(function_log_groups(config), False)
    return names


def _in_turn(config: Config) -> list[Resources]:
    """Return the resources of resources.json, alone and with each of the other files.

    Files that are not used together may define the same resource in two ways.
    """
    folder = Path(config.project_dir)
    extras = [[path.stem] for path in sorted((folder / "resources").glob("*.json"))]
    return [Resources(resource_files(folder, each), stack_name(config)) for each in [[], *extras]]


def _names_of(config: Config, every: list[Resources]) -> dict[str, dict[str, bool]]:
    # Only names with the stack's name: another may be that of another stage's table.
    return {
        kind: {
            name: is_retained
            for resources in every
            for name, is_retained in resources.retained_by_name(kind).items()
            if stack_name(config) in name
        }
        for kind in (TABLE, LOG_GROUP)
    }


def _find_table(session: Any, name: str, is_retained: bool) -> Existing | None:
    dynamodb = session.client("dynamodb")
    try:
        table = dynamodb.describe_table(TableName=name)["Table"]
    except dynamodb.exceptions.ResourceNotFoundException:
        return None
    return Existing(TABLE, name, is_retained, table["ItemCount"])


def _find_log_group(session: Any, name: str, is_retained: bool) -> Existing | None:
    pages = session.client("logs").get_paginator("describe_log_groups")
    for page in pages.paginate(logGroupNamePrefix=name):
        if any(each["logGroupName"] == name for each in page["logGroups"]):
            return Existing(LOG_GROUP, name, is_retained)
    return None

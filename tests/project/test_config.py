"""The readers of an app's settings and resource files."""

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RAW

TABLE = {"Type": "AWS::DynamoDB::Table", "Properties": {"KeySchema": []}}


@pytest.fixture(autouse=True)
def toolkit(monkeypatch: pytest.MonkeyPatch) -> None:
    """Import the toolkit from the template, and leave no compiled file there."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(RAW)


def load(name: str) -> Any:
    """Import a module of chalice_ws.project."""
    return importlib.import_module(f"chalice_ws.project.{name}")


def write(folder: Path, name: str, content: object) -> Path:
    """Write a file of an app; return its path."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def error_of(function: Any, *arguments: object) -> str:
    """Call a function that must raise AppError; return the message."""
    with pytest.raises(load("config").AppError) as raised:
        function(*arguments)
    message = str(raised.value)
    assert "\n" not in message
    assert "; " in message
    return message


def test_merge_joins_objects_and_replaces_other_values() -> None:
    old = {"a": {"b": 1, "c": [1, 2]}, "d": 1}
    new = {"a": {"c": [3], "e": None}, "d": {"f": 2}}
    assert load("resources").merge(old, new) == {
        "a": {"b": 1, "c": [3], "e": None},
        "d": {"f": 2},
    }
    assert old == {"a": {"b": 1, "c": [1, 2]}, "d": 1}


def test_resource_files_lists_extras_once_after_resources_json(tmp_path: Path) -> None:
    paths = [
        write(tmp_path, "resources.json", {}),
        write(tmp_path, "resources/xray.json", {}),
        write(tmp_path, "resources/scale.json", {}),
    ]
    resource_files = load("resources").resource_files
    assert resource_files(tmp_path, ["xray", "scale", "xray"]) == paths
    assert "resources/xrya.json'); use some of scale, xray" in error_of(
        resource_files, tmp_path, ["xrya"]
    )


def test_resource_files_of_app_without_any_are_empty(tmp_path: Path) -> None:
    resources = load("resources")
    assert resources.resource_files(tmp_path, []) == []
    assert "; add the file" in error_of(resources.resource_files, tmp_path, ["xray"])
    assert resources.Resources([], "tea-dev").tables() == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ('{\n"a": 1\n"b": 2}', "; add a comma at the end of line 2"),
        ('{\n"a": [\n{} {}]}', "; add a comma at the end of line 3"),
        ('{\n"a": 1,\n}', "; take out the comma at the end of line 2"),
        ('{"a": [1, ]}', "; take out the comma at the end of line 1"),
        ("{\u201ca\u201d: 1}", "; use straight double quotes"),
        ("{\"a\": '1'}", "; use straight double quotes"),
        ('{"a": 1, // one\n"b": 2}', "; take out the comment, which JSON does not have"),
        ("\ufeff{}", "; save it without a byte order mark"),
        ('{"a": 1', "; correct it"),
        ([], "is not a JSON object (got a list)"),
        ({"Resources": []}, "Resources is not an object"),
        ({"Resource": {}}, "an unknown section (got 'Resource'); use Resources"),
        ({"Resources": {"Table": "t"}}, "Table is not a resource (got 't')"),
        ({"Resources": {"Table": {**TABLE, "Properties": 1}}}, "Table is not a resource"),
    ],
)
def test_resource_file_not_valid_is_reported(tmp_path: Path, content: object, message: str) -> None:
    path = write(tmp_path, "resources.json", content)
    assert message in error_of(load("resources").read_resource_file, path)


def test_resource_file_missing_is_reported(tmp_path: Path) -> None:
    read = load("resources").read_resource_file
    assert "cannot be read (got No such file" in error_of(read, tmp_path / "resources.json")


def test_queue_is_read_only_with_fanout_limit(tmp_path: Path) -> None:
    config, resources = load("config"), load("resources")
    queue = {"Resources": {"Work": {"Type": "AWS::SQS::Queue"}}}
    write(tmp_path, "resources/scale.json", queue)
    for variables, queues in (({}, 0), ({"FANOUT_LIMIT": "5"}, 1)):
        stages = {"dev": {"environment_variables": variables}}
        write(tmp_path, ".chalice/config.json", {"app_name": "tea", "stages": stages})
        found = resources.read_resources(config.read_config(tmp_path, "dev")).named(resources.QUEUE)
        assert len(found) == queues


def test_config_has_the_defaults_of_chalice(tmp_path: Path) -> None:
    write(tmp_path, ".chalice/config.json", {"app_name": "tea"})
    config = load("config").read_config(tmp_path, "dev")
    assert (config.api_gateway_stage, config.autogen_policy) == ("api", True)
    assert config.api_gateway_endpoint_type == "EDGE"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"stages": {"dev": {}, "prod": {}}}, "(got 'test'); use one of dev, prod"),
        ({}, "(got 'test'); use one of dev"),
        ({"stages": None}, "stages is not an object (got None)"),
        ({"stages": {"test": []}}, "stages.test is not an object (got [])"),
        ({"environment_variables": []}, "environment_variables is not an object"),
        (
            {"stages": {"test": {"lambda_functions": {"notify": 1}}}},
            "stages.test.lambda_functions.notify is not an object (got 1)",
        ),
    ],
)
def test_config_not_valid_is_reported(tmp_path: Path, content: object, message: str) -> None:
    write(tmp_path, ".chalice/config.json", content)
    assert message in error_of(load("config").read_config, tmp_path, "test")


def test_names_of_settings_are_those_that_chalice_documents() -> None:
    """https://aws.github.io/chalice/topics/configfile.html lists them in prose."""
    names = load("check.names").accepted_names()
    function = names["function"]
    assert {"iam_policy_file", "lambda_timeout", "layers", "reserved_concurrency"} <= function
    assert names["function of a stage"] == function | {"environment_variables", "tags"}
    stage = names["stage"]
    assert {"api_gateway_stage", "lambda_functions", "websocket_api_custom_domain"} <= stage
    assert names["top"] == stage | {"app_name", "profile", "stages", "version"}

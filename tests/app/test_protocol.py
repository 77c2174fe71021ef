"""asyncapi.yaml: its standard, the page that is made from it, and the gateway's own errors."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from docs.protocol import MARK, PAGE, page
from tests.conftest import RAW
from tests.local.gateway import ask, client, running

DOCUMENT = yaml.safe_load((RAW / "docs" / "asyncapi.yaml").read_text())


@pytest.fixture(scope="module")
def standard(node: Path) -> Draft7Validator:
    """The JSON schema of AsyncAPI 3.0, as its authors publish it."""
    schema = node / "@asyncapi" / "specs" / "schemas" / "3.0.0.json"
    return Draft7Validator(json.loads(schema.read_text()))


def references(node: Any) -> Iterator[str]:
    """Yield each reference in a document."""
    if isinstance(node, dict):
        yield from [node["$ref"]] if "$ref" in node else []
        node = list(node.values())
    if isinstance(node, list):
        for each in node:
            yield from references(each)


def test_document_is_valid_asyncapi(standard: Draft7Validator) -> None:
    assert [error.message for error in standard.iter_errors(DOCUMENT)] == []
    for reference in references(DOCUMENT):
        node = DOCUMENT
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]


def test_schema_refuses_wrong_documents(standard: Draft7Validator) -> None:
    for path, value in (
        (("operations", "echo", "action"), "request"),
        (("channels", "ws", "messages", "echo", "payload"), {"type": "frame"}),
        (("servers", "local", "protocol"), None),
    ):
        broken = copy.deepcopy(DOCUMENT)
        node = broken
        for part in path[:-1]:
            node = node[part]
        node[path[-1]] = value
        assert not standard.is_valid(broken), path


def test_page_is_up_to_date() -> None:
    text = PAGE.read_text()
    assert text.count(MARK) == 1
    assert page(text, DOCUMENT) == text, "run `make protocol`"


def test_page_follows_the_document(tmp_path: Path) -> None:
    changed = copy.deepcopy(DOCUMENT)
    changed["channels"]["ws"]["messages"]["echo"]["summary"] = "Shout back."
    assert "Shout back." in page(PAGE.read_text(), changed)


@pytest.mark.parametrize(
    ("project", "message"), [("silent", "Forbidden"), ("bare", "Internal server error")]
)
def test_errors_of_the_gateway_are_in_the_document(
    app: Path, tmp_path: Path, project: str, message: str
) -> None:
    described = DOCUMENT["channels"]["ws"]["messages"]["gateway_error"]["payload"]
    with running(app, project, tmp_path) as gateway, client(gateway.url) as guest:
        frame = json.loads(ask(guest, "raise"))
    assert frame["message"] == message
    assert [error.message for error in Draft7Validator(described).iter_errors(frame)] == []

"""asyncapi.yaml: its standard, what makes it, and the gateway's own errors."""

import copy
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from tests.conftest import RAW, files
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


ACTIONS = "chalicelib/actions.py"

WAVE = '''

class Waved(TypedDict):
    """The members have got a message."""

    type: Literal["waved"]
    channel: Channel
    members: Annotated[list[Member], "those who saw it"]


@dataclass
class Hidden:
    seconds: Annotated[float, "the time to wait"]
    type: Literal["hidden"] = "hidden"


@router.action(channel=CHANNEL, times=Field("1 to 3", int, {"type": "integer", "minimum": 1}))
def wave(request: Request, *, channel: str, times: int = 1) -> Waved | Hidden:
    """Wave to the members of a channel."""
    return Hidden(1.5)


@router.action()
def push(request: Request) -> Hidden:
    return Hidden(2)
'''

IMPORTS = """from dataclasses import dataclass
from typing import Annotated, Literal, TypedDict
from chalicelib.protocol.fields import Channel, Field
from chalicelib.protocol.push_types import Member
"""


def describe(app: Path) -> subprocess.CompletedProcess[str]:
    """Run what `make protocol` runs."""
    command = [sys.executable, "-B", "-m", "docs.protocol"]
    return subprocess.run(command, cwd=app, capture_output=True, text=True)


def add(app: Path, code: str) -> None:
    """Add code to the actions of an app."""
    actions = app / ACTIONS
    text = actions.read_text().replace(
        "from typing import Any\n", f"{IMPORTS}from typing import Any\n"
    )
    actions.write_text(text + code)


def test_command_changes_nothing_in_a_fresh_app(app: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(app, tmp_path / "app")
    before = files(copy)
    assert describe(copy).returncode == 0
    assert files(copy) == before


def test_added_actions_are_described_without_yaml(
    app: Path, tmp_path: Path, standard: Draft7Validator
) -> None:
    copy = shutil.copytree(app, tmp_path / "app")
    file = copy / "docs" / "asyncapi.yaml"
    file.write_text(file.read_text().replace("version: 1.0.0", "version: 2.0.0  # mine"))
    add(copy, WAVE)
    done = describe(copy)
    assert (done.stderr, done.returncode) == ("", 0)
    assert "version: 2.0.0  # mine" in file.read_text()
    document = yaml.safe_load(file.read_text())
    assert [error.message for error in standard.iter_errors(document)] == []
    messages = document["channels"]["ws"]["messages"]
    wave = messages["wave"]["payload"]
    assert wave["required"] == ["action", "channel"]
    assert wave["properties"]["times"] == {"description": "1 to 3", "type": "integer", "minimum": 1}
    assert messages["wave"]["examples"][-1]["payload"]["times"] == 1
    assert messages["Waved"]["payload"]["required"] == ["type", "channel", "members"]
    assert messages["Waved"]["examples"][0]["payload"]["members"][0]["name"] == "Ann"
    assert messages["Hidden"]["payload"]["properties"]["seconds"]["type"] == "number"
    replies = {name: json.dumps(each.get("reply")) for name, each in document["operations"].items()}
    assert "Waved" in replies["wave"]
    assert "Hidden" in replies["wave"]
    assert "Hidden" in replies["push"]
    page = (copy / "docs" / "protocol.md").read_text()
    assert "Wave to the members of a channel." in page
    assert "may have `times`" in page


FAULTS = """
from datetime import datetime


class Loud(TypedDict):
    volume: int


class Odd(TypedDict):
    type: Literal["odd"]
    at: datetime


@router.action()
def shout(request: Request) -> dict[str, Any]:
    return {}


@router.action()
def cry(request: Request):
    return {}


@router.action()
def call_out(request: Request) -> str:
    return ""


@router.action()
def sing(request: Request) -> Loud:
    return {"volume": 11}


@router.action()
def hum(request: Request) -> Odd:
    return {"type": "odd", "at": datetime.now()}


@router.action(key=Field("a key", schema={"type": "string", "pattern": "^[A-Z]$"}))
def press(request: Request, *, key: str) -> Loud | None:
    return None
"""

MESSAGES = {
    "shout": "returns dict[str, Any]; use the type of its reply, such as `class ShoutReply(",
    "cry": "returns nothing; use the type of its reply",
    "call_out": 'such as `class CallOutReply(TypedDict): type: Literal["call_out"]`',
    "sing": 'Loud has no type; add `type: Literal["loud"]` to the class',
    "hum": "Odd.at: datetime has no JSON schema; use str, int,",
    "press": "returns Loud | None; use the type of its reply",
}


def test_each_action_without_a_described_reply_is_named_with_its_line(
    app: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(app, tmp_path / "app")
    add(copy, FAULTS)
    before = files(copy)
    done = describe(copy)
    assert done.returncode == 1
    assert files(copy) == before
    lines = (copy / ACTIONS).read_text().splitlines()
    *problems, last = done.stderr.splitlines()
    for problem, (name, message) in zip(problems, MESSAGES.items(), strict=True):
        line = next(n for n, text in enumerate(lines) if f"def {name}(" in text)
        assert problem.startswith(f"error: {ACTIONS}:{line}: action {name}"), problem
        assert message in problem
    assert last == "error: press.key has a pattern and no example; use Field(..., example=...)"


@pytest.mark.parametrize(
    ("project", "message"), [("silent", "Forbidden"), ("bare", "Internal server error")]
)
def test_errors_of_the_gateway_are_in_the_document(
    app: Path, tmp_path: Path, project: str, message: str
) -> None:
    described = DOCUMENT["channels"]["ws"]["messages"]["GatewayError"]["payload"]
    with running(app, project, tmp_path) as gateway, client(gateway.url) as guest:
        frame = json.loads(ask(guest, "raise"))
    assert frame["message"] == message
    assert [error.message for error in Draft7Validator(described).iter_errors(frame)] == []

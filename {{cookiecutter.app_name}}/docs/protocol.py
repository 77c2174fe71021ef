"""Write docs/asyncapi.yaml and docs/protocol.md from the app's actions: `make protocol`."""

import json
import sys
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

import yaml

from chalicelib.actions import router
from chalicelib.replies import PUSHES
from docs.asyncapi import Description, describe

DOCUMENT = Path(__file__).parent / "asyncapi.yaml"
PAGE = Path(__file__).parent / "protocol.md"

# What is above it in asyncapi.yaml is the owner's.
_MARK = "\nchannels:\n"

_PAGE_START = """\
# Frames

`make protocol` writes this page. [asyncapi.yaml](asyncapi.yaml) says the same to programs.
[guarantees.md](guarantees.md) has what a client can rely on, and how it catches up.
"""


def described() -> Description:
    """Return the description of this app's frames."""
    return describe(router.actions, PUSHES)


def document_text(old: str, description: Description) -> str:
    """Return the text of docs/asyncapi.yaml.

    Args:
        old: the text of before. What is above `channels` stays.
    """
    # PyYAML would write an anchor for an object that stands twice.
    content = json.loads(json.dumps(description.document))
    options: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": 110}
    made = yaml.safe_dump(content, default_flow_style=None, **options)
    return f"{old.partition(_MARK)[0].rstrip()}\n\n{made}"


def page(document: Any) -> str:
    """Return the text of docs/protocol.md."""
    return _PAGE_START + "\n".join(_lines(document))


def _lines(document: Any) -> Iterator[str]:
    yield from ("", "## Requests and their replies", "", document["info"]["description"])
    pushes = []
    for name, operation in document["operations"].items():
        if operation["action"] != "receive":
            pushes += operation["messages"]
            continue
        request = _find(document, operation["messages"][0])
        yield from _message(document, f"`{name}`", request)
        known = request["payload"]["properties"].keys()
        # The last is the error.
        for reference in operation["reply"]["messages"][:-1]:
            reply = _find(document, reference)
            yield from ("", f"Reply: {reply['summary']}", *_payload(document, reply, known))
    yield from ("", "## Pushes and errors")
    for reference in pushes:
        message = _find(document, reference)
        kind = message["payload"]["properties"].get("type")
        title = f"`{kind['const']}`" if kind else "API Gateway's own error"
        yield from _message(document, title, message)
    yield ""


def _find(document: Any, reference: dict[str, str]) -> Any:
    for part in reference["$ref"].removeprefix("#/").split("/"):
        document = document[part]
    return document


def _message(document: Any, title: str, message: Any) -> Iterator[str]:
    yield from ("", f"### {title}", "", message["summary"], *_payload(document, message))


def _payload(document: Any, message: Any, known: Container[str] = ()) -> Iterator[str]:
    payload = message["payload"]
    rows = [
        f"| {'' if name in payload['required'] else 'may have '}`{name}` "
        f"| {_describe(document, schema)} |"
        for name, schema in payload["properties"].items()
        if name not in ("action", "type", "id") and name not in known
    ]
    if rows:
        yield from ("", "| | |", "|---|---|", *rows)
    yield ""
    for example in message["examples"]:
        yield f"    {json.dumps(example['payload'], ensure_ascii=False)}"


def _describe(document: Any, schema: Any) -> str:
    if "description" in schema:
        return str(schema["description"])
    if "$ref" in schema:
        return _describe(document, _find(document, schema))
    if "oneOf" in schema:
        return "<br>".join(f"`{each['const']}`: {each['description']}" for each in schema["oneOf"])
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    return ", ".join(f"`{value}`" for value in values) or str(schema.get("type", "any JSON value"))


def main() -> int:
    """Write the files, or print what the actions lack; return the exit status."""
    description = described()
    for problem in description.problems:
        print(f"error: {problem}", file=sys.stderr)
    if description.problems:
        return 1
    text = document_text(DOCUMENT.read_text(encoding="utf-8"), description)
    DOCUMENT.write_text(text, encoding="utf-8")
    PAGE.write_text(page(yaml.safe_load(text)), encoding="utf-8")
    print(f"docs/{DOCUMENT.name} and docs/{PAGE.name} describe {len(router.actions)} actions")
    return 0


if __name__ == "__main__":
    sys.exit(main())

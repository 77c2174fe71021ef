"""Write the generated app's docs/protocol.md from its docs/asyncapi.yaml: `make protocol`."""

import json
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

import yaml

APP = Path(__file__).parent.parent / "{{cookiecutter.app_name}}"
PAGE = APP / "docs" / "protocol.md"

# The part above the mark is written by hand.
MARK = "<!-- From here on as asyncapi.yaml came: what you add there, add here by hand. -->\n"


def page(text: str, document: Any) -> str:
    """Return the page `text` with a new part below the mark."""
    return text.partition(MARK)[0] + MARK + "\n".join(_lines(document))


def _lines(document: Any) -> Iterator[str]:
    yield from ("", "## Requests and their replies", "", document["info"]["description"])
    pushes = []
    for name, operation in document["operations"].items():
        if operation["action"] != "receive":
            pushes += operation["messages"]
            continue
        request = _find(document, operation["messages"][0])
        yield from _message(f"`{name}`", request)
        reply = _find(document, operation["reply"]["messages"][0])
        known = request["payload"]["properties"].keys()
        yield from ("", f"Reply: {reply['summary']}", *_payload(reply, known))
    yield from ("", "## Pushes and errors")
    for reference in pushes:
        message = _find(document, reference)
        kind = message["payload"]["properties"].get("type")
        yield from _message(f"`{kind['const']}`" if kind else "API Gateway's own error", message)
    yield ""


def _find(document: Any, reference: dict[str, str]) -> Any:
    for part in reference["$ref"].removeprefix("#/").split("/"):
        document = document[part]
    return document


def _message(title: str, message: Any) -> Iterator[str]:
    yield from ("", f"### {title}", "", message["summary"], *_payload(message))


def _payload(message: Any, known: Container[str] = ()) -> Iterator[str]:
    payload = message["payload"]
    rows = [
        f"| {'' if name in payload['required'] else 'may have '}`{name}` | {_describe(schema)} |"
        for name, schema in payload["properties"].items()
        if name not in ("action", "type", "id") and name not in known
    ]
    if rows:
        yield from ("", "| | |", "|---|---|", *rows)
    yield ""
    for example in message["examples"]:
        yield f"    {json.dumps(example['payload'], ensure_ascii=False)}"


def _describe(schema: Any) -> str:
    if "description" in schema:
        return str(schema["description"])
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    return "<br>".join(f"`{each['const']}`: {each['description']}" for each in schema["oneOf"])


if __name__ == "__main__":
    source = yaml.safe_load((APP / "docs" / "asyncapi.yaml").read_text())
    PAGE.write_text(page(PAGE.read_text(), source))

"""Frames held to asyncapi.yaml: whatever tests/client.py sends and receives comes by here."""

import json
from collections import defaultdict, deque
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match

# AsyncAPI's own schemas are JSON Schema draft 7, where nothing else is named.
DOCUMENT: Any = yaml.safe_load((Path(__file__).parents[2] / "docs" / "asyncapi.yaml").read_text())
MESSAGES: dict[str, Any] = DOCUMENT["channels"]["ws"]["messages"]
ID = Draft7Validator(DOCUMENT["components"]["schemas"]["id"])


def _names(references: list[dict[str, str]]) -> list[str]:
    return [each["$ref"].removeprefix("#/channels/ws/messages/") for each in references]


# The actions, each with the messages that may reply to it, the usual one first.
REPLIES = {
    name: _names(operation["reply"]["messages"])
    for name, operation in DOCUMENT["operations"].items()
    if operation["action"] == "receive"
}

# The messages that the app sends, by the type that their frames have.
_TYPES = {
    each["payload"]["properties"].get("type", {}).get("const"): name
    for name, each in MESSAGES.items()
    if name not in REPLIES
}


@cache
def _validator(message: str) -> Draft7Validator:
    return Draft7Validator(MESSAGES[message]["payload"])


def problem(message: str, frame: Any) -> str | None:
    """What is wrong with a frame, or None if it is as asyncapi.yaml describes that message."""
    error = best_match(_validator(message).iter_errors(frame))
    return error and f"{message}{error.json_path[1:]}: {error.message[:500]}"


def kind(frame: dict[str, Any]) -> str:
    """The message that a received frame is; raises AssertionError if it is none, or not quite."""
    assert frame.get("type") in _TYPES, f"describe it in asyncapi.yaml: {str(frame)[:500]}"
    message = _TYPES[frame.get("type")]
    assert (wrong := problem(message, frame)) is None, wrong
    return message


class Watch:
    """The frames of one connection; raises AssertionError for one that should not be.

    What gets an error may be anything; what gets another reply is a request that has it.
    """

    def __init__(self) -> None:
        self._requests: defaultdict[Any, deque[Any]] = defaultdict(deque)

    def sent(self, text: str) -> None:
        """A text was sent."""
        try:
            request = json.loads(text)
        except (ValueError, RecursionError):
            request = None
        request_id = request.get("id") if isinstance(request, dict) else None
        self._requests[request_id if ID.is_valid(request_id) else None].append(request)

    def received(self, frame: dict[str, Any]) -> None:
        """A frame came."""
        message = kind(frame)
        if not any(message in each for each in REPLIES.values()):
            return
        requests = self._requests[frame.get("id")]
        assert requests, f"a reply to nothing: {str(frame)[:500]}"
        request = requests.popleft()
        if message != "error":
            action = request["action"]
            assert (wrong := problem(action, request)) is None, wrong
            assert message in REPLIES[action], f"{action} got {message}"

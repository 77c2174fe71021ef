"""The check of frames against docs/asyncapi.yaml. The test client runs it for each frame."""

import json
from collections import defaultdict, deque
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match

# AsyncAPI's default schema format is a superset of JSON Schema draft 7.
DOCUMENT: Any = yaml.safe_load((Path(__file__).parents[2] / "docs" / "asyncapi.yaml").read_text())
MESSAGES: dict[str, Any] = DOCUMENT["channels"]["ws"]["messages"]
ID = Draft7Validator(DOCUMENT["components"]["schemas"]["id"])


def _message_names(references: list[dict[str, str]]) -> list[str]:
    return [each["$ref"].removeprefix("#/channels/ws/messages/") for each in references]


# The messages that may reply to each action, the one for success first.
REPLIES = {
    name: _message_names(operation["reply"]["messages"])
    for name, operation in DOCUMENT["operations"].items()
    if operation["action"] == "receive"
}

# The messages that come without a request. A reply may be one of them too.
_PUSHES = _message_names(DOCUMENT["operations"]["push"]["messages"])

# The messages that the app sends, by the `type` of their frames.
_MESSAGES_BY_TYPE = {
    each["payload"]["properties"].get("type", {}).get("const"): name
    for name, each in MESSAGES.items()
    if name not in REPLIES
}


@cache
def _validator(message: str) -> Draft7Validator:
    return Draft7Validator(MESSAGES[message]["payload"])


def problem(message: str, frame: Any) -> str | None:
    """Return the difference between a frame and a message of docs/asyncapi.yaml, or None."""
    error = best_match(_validator(message).iter_errors(frame))
    return error and (
        f"change the frame or {message} in docs/asyncapi.yaml:"
        f" {message}{error.json_path[1:]}: {error.message[:500]}"
    )


def message_name(frame: dict[str, Any]) -> str:
    """Return the name of the message that a received frame is.

    Raises:
        AssertionError: docs/asyncapi.yaml does not describe it.
    """
    assert frame.get("type") in _MESSAGES_BY_TYPE, (
        f"describe this frame in docs/asyncapi.yaml (got {str(frame)[:500]})"
    )
    message = _MESSAGES_BY_TYPE[frame.get("type")]
    assert (text := problem(message, frame)) is None, text
    return message


class FrameChecker:
    """A check of the frames of one connection.

    A request that gets an error may be anything. A request that gets another reply must be a
    message of docs/asyncapi.yaml that has this reply.
    """

    def __init__(self) -> None:
        self._requests: defaultdict[Any, deque[Any]] = defaultdict(deque)

    def check_sent(self, text: str) -> None:
        """Remember a text that was sent as the request for a later reply."""
        try:
            request = json.loads(text)
        except (ValueError, RecursionError):
            request = None
        request_id = request.get("id") if isinstance(request, dict) else None
        self._requests[request_id if ID.is_valid(request_id) else None].append(request)

    def check_received(self, frame: dict[str, Any]) -> None:
        """Check a frame that was received.

        Raises:
            AssertionError: docs/asyncapi.yaml does not describe it, or not as this reply.
        """
        message = message_name(frame)
        if not any(message in each for each in REPLIES.values()):
            return
        requests = self._requests[frame.get("id")]
        if message in _PUSHES and not requests:
            return
        assert requests, f"send one reply for each request (got another: {str(frame)[:500]})"
        request = requests.popleft()
        if message != "error":
            action = request["action"]
            assert (text := problem(action, request)) is None, text
            assert message in REPLIES[action], (
                f"add the reply {message} to the operation {action} in docs/asyncapi.yaml"
            )

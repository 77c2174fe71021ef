"""The check of frames against the types of chalicelib/replies.py and of the actions.

The test client runs it for each frame.
"""

import json
from collections import defaultdict, deque
from collections.abc import Iterator
from functools import cache
from itertools import chain
from typing import Any

from jsonschema import Draft7Validator, ValidationError, validators
from jsonschema.exceptions import best_match

from chalicelib.protocol.frames import CODES
from chalicelib.protocol.schema import is_valid
from docs.asyncapi import Description
from docs.protocol import described


def _check_pattern(validator: Any, pattern: str, text: Any, schema: Any) -> Iterator[Any]:
    # As the app: for Python's regular expressions, $ is also before a line break at the end.
    if not is_valid({"pattern": pattern}, text):
        yield ValidationError(f"{text!r} does not match {pattern!r}")


_Validator = validators.extend(Draft7Validator, {"pattern": _check_pattern})


def _message_names(references: list[dict[str, str]]) -> list[str]:
    return [each["$ref"].removeprefix("#/channels/ws/messages/") for each in references]


class Frames:
    """The frames of an app.

    Args:
        description: what `make protocol` writes.
    """

    def __init__(self, description: Description) -> None:
        self.document, self.problems, self._places = description
        self.messages: dict[str, Any] = self.document["channels"]["ws"]["messages"]
        operations = self.document["operations"]
        # The messages that may reply to each action, the error last.
        self.replies = {
            name: _message_names(operation["reply"]["messages"])
            for name, operation in operations.items()
            if operation["action"] == "receive"
        }
        # The messages that come without a request. A reply may be one of them too.
        self._pushes = _message_names(operations["send-push"]["messages"])
        self._all_replies = {*chain.from_iterable(self.replies.values())}
        # AsyncAPI's default schema format is a superset of JSON Schema draft 7.
        self._validator = cache(lambda schema: _Validator(self._schema(schema)))
        self._id = self._validator("id")

    def place(self, message: str) -> str:
        """Return a message, and the file and line that describe it."""
        return f"{message} in {self._places[message]}" if message in self._places else message

    def problem(self, message: str, frame: Any) -> str | None:
        """Return the difference between a frame and a message, or None."""
        error = best_match(self._validator(message).iter_errors(frame))
        if error is None:
            return None
        what = "the action's fields" if message in self.replies else "the class"
        place, use = self._places.get(message, "docs/asyncapi.py"), f"change {what} or the frame"
        code = frame.get("code") if message == "Error" else None
        if isinstance(code, str) and code not in CODES:
            place = "chalicelib/protocol/frames.py"
            use = f'add "{code}" to CODES, then run `make protocol`'
        elif message in self.replies and error.absolute_path:
            use = (
                "the app accepted a value that its schema refuses: give"
                f" {error.absolute_path[0]} a convert that raises ValueError, or change the schema"
            )
        got = f"{error.message[:500]} (got {str(frame)[:500]})"
        return f"{place}: {use}: {message}{error.json_path[1:]}: {got}"

    def message_name(self, frame: dict[str, Any], action: str | None = None) -> str:
        """Return the name of the message that a received frame is.

        Args:
            action: the action that it replies to; None takes any message that the app sends.

        Raises:
            AssertionError: no type describes it.
        """
        __tracebackhide__ = True
        kind, candidates = frame.get("type"), self.replies.get(action or "", self.messages)
        names = [name for name in self._messages_of_type(kind) if name in candidates]
        problems = [self.problem(name, frame) for name in names]
        if None in problems:
            return names[problems.index(None)]
        use = f'a class with `type: Literal["{kind}"]`'
        where = f"chalicelib/replies.py: add {use}, and add the class to PUSHES"
        if action is not None:
            types = " or ".join(self.replies[action][:-1])
            has = f"the return type {types}: return that, or" if types else "no reply type: use"
            where = f"{self._places[action]}: action {action} has {has} {use}"
        raise AssertionError(problems[-1] if problems else f"{where} (got {str(frame)[:500]})")

    def is_push(self, frame: dict[str, Any]) -> bool:
        """Return whether a frame may come without a request."""
        names = self._messages_of_type(frame.get("type"))
        return not names or any(name in self._pushes or name == "GatewayError" for name in names)

    def is_reply(self, frame: dict[str, Any]) -> bool:
        """Return whether a frame may be the reply to a request."""
        names = self._messages_of_type(frame.get("type"))
        return not names or any(name in self._all_replies for name in names)

    def is_id(self, value: Any) -> bool:
        """Return whether a value can be the id of a request."""
        return bool(self._id.is_valid(value))

    def _messages_of_type(self, kind: Any) -> list[str]:
        # An error of API Gateway has no type.
        return [
            name
            for name, each in self.messages.items()
            if name not in self.replies
            and each["payload"]["properties"].get("type", {}).get("const") == kind
        ]

    def _schema(self, name: str) -> dict[str, Any]:
        components = self.document["components"]
        if name == "id":
            return dict(components["schemas"]["id"])
        # References begin with "#/components".
        return {**self.messages[name]["payload"], "components": components}


# The frames of this app.
FRAMES = Frames(described())


class FrameChecker:
    """A check of the frames of one connection.

    A request that gets an error may be anything. A request that gets another reply must have the
    fields of its action, and the reply must be of the action's return type.
    """

    def __init__(self) -> None:
        self._frames = FRAMES
        self._requests: defaultdict[Any, deque[Any]] = defaultdict(deque)

    def check_sent(self, text: str) -> None:
        """Remember a text that was sent as the request for a later reply."""
        try:
            request = json.loads(text)
        except (ValueError, RecursionError):
            request = None
        request_id = request.get("id") if isinstance(request, dict) else None
        self._requests[request_id if self._frames.is_id(request_id) else None].append(request)

    def check_received(self, frame: dict[str, Any]) -> None:
        """Check a frame that was received.

        Raises:
            AssertionError: it is neither a push nor the reply to a request that was sent.
        """
        __tracebackhide__ = True
        frames, requests = self._frames, self._requests[frame.get("id")]
        if not requests or not frames.is_reply(frame):
            another = f"send one reply for each request (got another: {str(frame)[:500]})"
            assert frames.is_push(frame), another
            frames.message_name(frame)
            return
        request = requests.popleft()
        if frame.get("type") == "error":
            frames.message_name(frame)
            return
        action = request["action"]
        assert (text := frames.problem(action, request)) is None, text
        # A test of its own reports an action without a return type.
        if len(frames.replies[action]) > 1:
            frames.message_name(frame, action)

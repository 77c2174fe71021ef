"""The description of all frames, made from the actions: what `make protocol` writes."""

import inspect
import types
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from chalicelib.protocol.fields import ID
from chalicelib.protocol.frames import CODES
from chalicelib.protocol.router import MAX_ACTION_LENGTH, Action
from docs.schemas import (
    Schema,
    SchemaError,
    Schemas,
    closed_object,
    example,
    field_schema,
    is_record,
    summary,
    type_name,
)

_CONNECTION_ID = {
    "description": "an id of API Gateway's",
    "type": "string",
    "minLength": 1,
    "examples": ["PJqB0fHsqRcCHlw="],
}
_NAMES_OF_ERRORS = ("Error", "GatewayError")

_ID = {"$ref": "#/components/schemas/id"}


class Description(NamedTuple):
    """The made parts of docs/asyncapi.yaml, and what they lack, a line each.

    `places` has the file and the line of the function or the class behind each message.
    """

    document: dict[str, Any]
    problems: list[str]
    places: dict[str, str]


def describe(actions: Mapping[str, Action], pushes: Iterable[Any]) -> Description:
    """Describe the frames of an app, as parts of an AsyncAPI document.

    Args:
        actions: the actions by name.
        pushes: the types of the pushes.
    """
    builder = _Builder()
    operations = {name: builder.add_action(name, action) for name, action in actions.items()}
    sent = [name for each in pushes for name in builder.add_types([each], _place(each), {})]
    builder.messages.update(Error=_error(), GatewayError=_gateway_error())
    builder.add_examples()
    ends = "An error without an id belongs to a frame that is not a request."
    document = {
        "channels": {"ws": {"address": "/", "messages": builder.messages}},
        "operations": {
            **operations,
            # No action has a name with a hyphen.
            "send-push": _operation("send", sent),
            "send-error": {"summary": ends, **_operation("send", _NAMES_OF_ERRORS)},
        },
        "components": {"schemas": builder.schemas.definitions},
    }
    return Description(document, builder.problems, builder.places)


class _Builder:
    """The messages of a document, as they are added."""

    def __init__(self) -> None:
        self.messages: dict[str, Any] = {}
        self.schemas = Schemas()
        self.schemas.definitions["id"] = field_schema(ID)
        self.problems: list[str] = []
        self.places: dict[str, str] = {}
        self._types: dict[str, Any] = {}

    def add_action(self, name: str, action: Action) -> dict[str, Any]:
        """Add the messages of an action, and return its operation."""
        self.places[name] = _place(action.function)
        place = f"{self.places[name]}: action {name}"
        fields = {each: field_schema(field) for each, field in action.fields.items()}
        payload = closed_object(
            {"action": {"const": name}, **fields, "id": _ID},
            {*action.optional, "id"},
        )
        self.messages[name] = {"summary": summary(action.function), "payload": payload}
        replies = self.add_types(self._reply_types(place, name, action), place, {"id": _ID})
        return {
            **_operation("receive", [name]),
            "reply": {"messages": _references([*replies, "Error"])},
        }

    def add_types(
        self, records: Iterable[Any], place: str, others: Mapping[str, Schema]
    ) -> list[str]:
        """Add a message for each type, unless it has one, and return the messages' names.

        Args:
            others: properties that the messages may have too.
        """
        names = []
        for record in records:
            name = record.__name__
            try:
                payload = self.schemas.of_record(record, others)
                if "const" not in payload["properties"].get("type", {}):
                    use = f'add `type: Literal["{name.lower()}"]` to the class'
                    raise SchemaError(f"{name} has no type; {use}")
                if self._types.setdefault(name, record) is not record or name in _NAMES_OF_ERRORS:
                    raise SchemaError(f"another message has the name {name}; rename the class")
            except SchemaError as error:
                self.problems.append(f"{place}: {error}")
                continue
            self.messages.setdefault(name, {"summary": summary(record), "payload": payload})
            self.places[name] = _place(record)
            names.append(name)
        return names

    def add_examples(self) -> None:
        """Add an example to each message, and another with the properties that may be missing."""
        for name, message in self.messages.items():
            if "examples" in message:
                continue
            payload = message["payload"]
            required = [*payload["required"], *(["id"] if "id" in payload["properties"] else [])]
            names = (
                [required]
                if len(required) == len(payload["properties"])
                else [required, [*payload["properties"]]]
            )
            try:
                message["examples"] = [
                    {
                        "payload": example(
                            {**payload, "required": each}, self.schemas.definitions, name
                        )
                    }
                    for each in names
                ]
            except SchemaError as error:
                self.problems.append(str(error))

    def _reply_types(self, place: str, name: str, action: Action) -> list[Any]:
        try:
            hint = get_type_hints(action.function, include_extras=True).get("return")
        except (AttributeError, NameError) as error:
            self.problems.append(f"{place}: {error}; define the type of its reply")
            return []
        is_union = get_origin(hint) in (Union, types.UnionType)
        found = [*get_args(hint)] if is_union else [hint]
        if all(is_record(each) for each in found):
            return found
        got = "nothing" if hint is None else type_name(hint)
        reply = name.title().replace("_", "")
        use = f'class {reply}Reply(TypedDict): type: Literal["{name}"]'
        self.problems.append(f"{place} returns {got}; use the type of its reply, such as `{use}`")
        return []


def _place(described: Any) -> str:
    """Return the file and the line of a function or a class, as an editor opens it."""
    try:
        path, line = inspect.getsourcefile(described), inspect.getsourcelines(described)[1]
    except (OSError, TypeError):
        return str(getattr(described, "__name__", described))
    file = Path(path or "")
    return f"{file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file}:{line}"


def _references(messages: Iterable[str]) -> list[dict[str, str]]:
    return [{"$ref": f"#/channels/ws/messages/{name}"} for name in messages]


def _operation(action: str, messages: Iterable[str]) -> dict[str, Any]:
    channel = {"$ref": "#/channels/ws"}
    return {"action": action, "channel": channel, "messages": _references(messages)}


def _error() -> dict[str, Any]:
    properties: dict[str, Schema] = {
        "type": {"const": "error"},
        "code": {"oneOf": [{"const": code, "description": CODES[code]} for code in CODES]},
        "message": {
            "description": "the instruction what to send instead",
            "type": "string",
            "minLength": 1,
        },
        "field": {"description": "the field that is not valid", "type": "string"},
        "retry_after_seconds": {
            "description": "with `too_fast`: the time after which the server takes the request",
            "type": "integer",
            "minimum": 1,
            "maximum": 60,
        },
        "action": {
            "description": "the action of the request",
            "type": "string",
            "maxLength": MAX_ACTION_LENGTH,
        },
        "id": _ID,
    }
    bad_json = {"type": "error", "code": "bad_json", "message": "send one JSON object as text"}
    bad_field = {"type": "error", "code": "bad_field", "message": "channel must be ..."}
    return {
        "summary": "The reply to a request that failed.",
        "payload": {
            **closed_object(properties, {"field", "retry_after_seconds", "action", "id"}),
            "if": {"properties": {"code": {"const": "bad_field"}}},
            "then": {"required": ["field"]},
            "else": {"properties": {"field": False}},
        },
        "examples": [
            {"payload": bad_json},
            {"payload": {**bad_field, "field": "channel", "action": "join", "id": 1}},
        ],
    }


def _gateway_error() -> dict[str, Any]:
    messages = ["Forbidden", "Internal server error", "Endpoint request timed out"]
    request_id = {**_CONNECTION_ID, "examples": ["PJqBpGQ2IAMFYQA="]}
    properties: dict[str, Schema] = {
        "message": {"enum": messages},
        "connectionId": _CONNECTION_ID,
        "requestId": request_id,
    }
    return {
        "summary": "API Gateway's error, where the app sent no reply.",
        "payload": closed_object(properties, ()),
    }

"""The router: each frame of a client runs one action and gets one reply."""

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, is_dataclass
from inspect import isasyncgenfunction, iscoroutinefunction, isgeneratorfunction, signature
from typing import Any, NamedTuple

from chalice.app import WebsocketEvent

from chalicelib import settings
from chalicelib.aws import Invocation
from chalicelib.protocol.failures import explain
from chalicelib.protocol.fields import ID, Field, closest, refuse_unknown
from chalicelib.protocol.frames import Frame, FrameError, decode, encode

log = logging.getLogger(__name__)

MAX_ACTION_LENGTH = 64

# `help` adds it to the fields that a request may leave out.
OPTIONAL = "; may be left out"

# The function of an action. It returns the reply: a typed dict, see chalicelib/replies.py, or a
# dataclass.
Handler = Callable[..., Mapping[str, Any]]


@dataclass(frozen=True)
class Request:
    """A request, as an action gets it. Its fields are separate arguments.

    Args:
        connection_id: the connection that the frame came from.
        invocation: the deadline and the endpoint for what the action sends.
        id: the request's id; None if it has none.
    """

    connection_id: str
    invocation: Invocation
    id: str | int | float | None


class Action(NamedTuple):
    """A function and its fields. A field is optional if its parameter has a default."""

    function: Handler
    fields: dict[str, Field]
    optional: set[str]

    def describe(self) -> dict[str, str]:
        """Return the values that each field accepts, as `help` returns them."""
        return {
            name: field.description + OPTIONAL * (name in self.optional)
            for name, field in self.fields.items()
        }

    def arguments(self, frame: Frame) -> dict[str, Any]:
        """Return the function's arguments from a frame.

        Raises:
            FrameError: bad_field.
        """
        refuse_unknown(frame.keys() - {"action", "id"}, self.fields, "this action")
        absent = self.optional - frame.keys()
        fields = self.fields.items()
        return {name: field.read(name, frame) for name, field in fields if name not in absent}


class Router:
    """The actions by name.

    Args:
        before: called with the connection id of each request, before its action. It raises
            FrameError to refuse the request.
        on_bye: called with the connection id, the code of the `bye` and the invocation, if the
            error of a request ends the connection.
    """

    def __init__(
        self,
        before: Callable[[str], None] | None = None,
        on_bye: Callable[[str, str, Invocation], None] | None = None,
    ) -> None:
        self.actions: dict[str, Action] = {}
        self._before = before
        self._on_bye = on_bye
        self._logged: set[str] = set()

    def action(self, *misplaced: Any, **fields: Field) -> Callable[[Handler], Handler]:
        """Register a function as the action of its name.

        Raises:
            TypeError: the function is no plain one, its parameters are not the fields, or nothing
                checks a part of a field's schema.
        """
        if misplaced:
            raise TypeError("@router.action names no fields; use @router.action(NAME=FIELD, ...)")

        def register(function: Handler) -> Handler:
            name = function.__name__
            for problem in _problems(fields, function):
                raise TypeError(f"action {name}: {problem}")
            if name in self.actions:
                raise TypeError(f"two actions have the name {name}; rename one")
            parameters = signature(function).parameters.values()
            optional = {each.name for each in parameters if each.default is not each.empty}
            self.actions[name] = Action(function, fields, optional)
            return function

        return register

    def enabled(self) -> dict[str, Action]:
        """Return the actions that WS_ACTIONS switches on. A name that is no action is logged."""
        names = settings.ws_actions()
        for name in {*names} - self.actions.keys() - self._logged:
            self._logged.add(name)
            use = f"use some of {', '.join(self.actions)}"
            log.error("WS_ACTIONS has an unknown action (got %r); %s", name, use)
        return {name: self.actions[name] for name in names if name in self.actions}

    def handle(self, event: WebsocketEvent) -> str:
        """Run the action that a frame asks for, and return the text of its one reply.

        An exception of the action becomes an error reply.
        """
        # An error reply repeats the action and the id of the request, if they are valid.
        repeated: Frame = {}
        try:
            reply = self._run(event, repeated)
            return encode({**reply, "id": repeated["id"]} if "id" in repeated else reply)
        except FrameError as error:
            problem = error
            if error.bye and self._on_bye:
                self._on_bye(event.connection_id, error.bye, Invocation.from_event(event))
        # An action may call a program that ends with sys.exit().
        except (Exception, SystemExit) as error:
            request_id = event.to_dict()["requestContext"]["requestId"]
            log.exception("connection %s, request %s", event.connection_id, request_id)
            problem = FrameError("internal", "send the same again later: it failed on the server")
            if settings.shows_errors():
                action = self.actions.get(repeated.get("action", ""))
                problem = FrameError("internal", explain(error, action and action.function))
        return encode({**problem.frame(), **repeated})

    def _run(self, event: WebsocketEvent, repeated: Frame) -> Mapping[str, Any]:
        frame = decode(event.body)
        name = frame.get("action")
        if isinstance(name, str) and len(name) <= MAX_ACTION_LENGTH:
            repeated["action"] = name
        if "id" in frame:
            repeated["id"] = ID.read("id", frame)
        if self._before is not None:
            self._before(event.connection_id)
        action = self._find(name)
        arguments = action.arguments(frame)
        invocation = Invocation.from_event(event)
        request = Request(event.connection_id, invocation, repeated.get("id"))
        reply: Any = action.function(request, **arguments)
        if is_dataclass(reply) and not isinstance(reply, type):
            reply = asdict(reply)
        if not isinstance(reply, Mapping) or not isinstance(reply.get("type"), str):
            use = 'return a dict with a type, such as {"type": "done"}'
            raise TypeError(f"action {name} returned {str(reply)[:200]}; {use}")
        if "id" in reply:
            use = f"use another name, such as {name}_id: the id of a reply is that of its request"
            raise TypeError(f"action {name} returned an id (got {reply['id']!r}); {use}")
        return reply

    def _find(self, name: Any) -> Action:
        enabled = self.enabled()
        if isinstance(name, str) and name in enabled:
            return enabled[name]
        hint = f"send one of the actions {', '.join(enabled)}"
        if isinstance(name, str) and name in self.actions:
            raise FrameError("action_disabled", f"{hint}: WS_ACTIONS does not have {name}")
        raise FrameError("unknown_action", hint)


def _problems(fields: Mapping[str, Field], function: Handler) -> Iterator[str]:
    """Yield what is wrong in a function, and the differences between it and its decorator."""
    is_async = iscoroutinefunction(function) or isasyncgenfunction(function)
    if is_async or isgeneratorfunction(function):
        yield f"it {'is async' if is_async else 'has a yield'}; use def and return"
    parameters = [*signature(function).parameters.values()]
    first = parameters.pop(0) if parameters else None
    if first is None or first.name in fields or first.kind > first.POSITIONAL_OR_KEYWORD:
        got = "nothing" if first is None else str(first)
        yield f"its first parameter is not the request (got {got}); put `request: Request` first"
    for each in parameters:
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD):
            yield f"its parameter has no field (got {each}); name each field as a parameter"
    names = [each.name for each in parameters]
    for name, field in fields.items():
        if name in ("action", "id"):
            yield f"each request may have {name}; use another name for the field"
        if not isinstance(field, Field):
            yield f"{name} is not a Field (got {field!r}); use one of chalicelib/protocol/fields.py"
        elif problem := field.fault():
            yield f"field {name}: {problem}"
    for name in fields.keys() - {*names}:
        likely = closest(name, {*names} - fields.keys())
        use = "remove it, or add the parameter"
        if likely:
            use = f"its parameter is {likely}: use one name for both"
        yield f"its decorator has a field without a parameter (got {name}); {use}"
    for name in names:
        if name not in fields:
            yield f"its parameter {name} has no field; add {name}=FIELD to the decorator"
    for each in parameters:
        # None stands for a field that is left out.
        has_default = each.default is not each.empty and each.default is not None
        if has_default and not fields[each.name].accepts_default(each.default):
            problem = f"the default of {each.name} is not valid (got {each.default!r})"
            yield f"{problem}; use None, or {fields[each.name].description}"

"""From a client's frame to the one reply that it gets."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from inspect import signature
from typing import Any, NamedTuple

from chalice.app import WebsocketEvent

from chalicelib.aws import endpoint
from chalicelib.protocol.fields import ID, Field
from chalicelib.protocol.frames import Frame, FrameError, decode, encode
from chalicelib.sender import deadline
from chalicelib.storage.connections import NotConnected
from chalicelib.storage.table import Busy

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Request:
    """Who asks.

    Args:
        connection_id: the connection that the request came over.
        endpoint: URL of the management API that reaches it.
        deadline: when sending must be over, in seconds of time.monotonic().
        id: the request's id, None if it has none.
    """

    connection_id: str
    endpoint: str
    deadline: float
    id: str | int | float | None


class Action(NamedTuple):
    """A function and its fields, of which those that it has defaults for may be left out."""

    function: Callable[..., Frame]
    fields: dict[str, Field]
    optional: set[str]

    def arguments(self, frame: Frame) -> dict[str, Any]:
        """The fields of a frame; raises FrameError bad_field."""
        for stray in frame.keys() - self.fields.keys() - {"action", "id"}:
            takes = ", ".join(self.fields) or "no fields"
            raise FrameError("bad_field", f"leave it out: this action takes {takes}", stray[:64])
        left_out = self.optional - frame.keys()
        fields = self.fields.items()
        return {name: field.read(name, frame) for name, field in fields if name not in left_out}


class Router:
    """The actions by name, and the way from a frame to its reply."""

    def __init__(self) -> None:
        self.actions: dict[str, Action] = {}

    def action(self, **fields: Field) -> Callable[[Callable[..., Frame]], Callable[..., Frame]]:
        """Register a function as the action of its name; raises TypeError for other fields."""

        def register(function: Callable[..., Frame]) -> Callable[..., Frame]:
            name = function.__name__
            _, *parameters = signature(function).parameters.values()
            if {each.name for each in parameters} != fields.keys():
                raise TypeError(f"action {name}: give it the parameters {', '.join(fields)}")
            optional = {each.name for each in parameters if each.default is not each.empty}
            self.actions[name] = Action(function, fields, optional)
            return function

        return register

    def enabled(self) -> dict[str, Action]:
        """The actions that WS_ACTIONS in .chalice/config.json switches on."""
        names = os.environ["WS_ACTIONS"].replace(" ", "").split(",")
        return {name: self.actions[name] for name in names}

    def answer(self, event: WebsocketEvent) -> str:
        """Do what a message asks for and return the reply: always one, whatever went wrong."""
        known: Frame = {}  # what an error can repeat of the request
        try:
            reply = self._run(event, known)
            return encode({**reply, "id": known["id"]} if "id" in known else reply)
        except FrameError as error:
            problem = error
        except NotConnected:
            problem = FrameError("try_again", "connect again: this connection is not registered")
        except Busy:
            problem = FrameError("try_again", "send the same again in a moment")
        except Exception:
            request_id = event.to_dict()["requestContext"]["requestId"]
            log.exception("connection %s, request %s", event.connection_id, request_id)
            problem = FrameError("internal", "send the same again later: it failed on the server")
        return encode({**problem.frame(), **known})

    def _run(self, event: WebsocketEvent, known: Frame) -> Frame:
        frame = decode(event.body)
        name = frame.get("action")
        if isinstance(name, str) and len(name) <= 64:
            known["action"] = name
        if "id" in frame:
            known["id"] = ID.read("id", frame)
        action = self._find(name)
        arguments = action.arguments(frame)
        request = Request(
            event.connection_id, endpoint(event), deadline(event.context), known.get("id")
        )
        return action.function(request, **arguments)

    def _find(self, name: Any) -> Action:
        enabled = self.enabled()
        if isinstance(name, str) and name in enabled:
            return enabled[name]
        hint = f"send one of the actions {', '.join(enabled)}"
        if isinstance(name, str) and name in self.actions:
            raise FrameError("action_disabled", f"{hint}: this one is switched off")
        raise FrameError("unknown_action", hint)

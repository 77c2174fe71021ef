"""The lines that the gateway prints at its start: addresses, functions and faults of the app."""

from collections.abc import Iterator
from pathlib import Path

from chalice_ws.local.functions.workers import Lambda
from chalice_ws.local.triggers.triggers import Triggers
from chalice_ws.local.websocket_api.gateway import has_websocket_api
from chalice_ws.project.functions import REST


class Overview:
    """The addresses and functions of an app.

    Args:
        functions: what runs the functions. They change when the app is loaded again.
        triggers: what invokes functions without a route.
        address: the host and the port.
        stage: the API's stage.
        project: the folder of the app, which may have a web page.
    """

    def __init__(
        self, functions: Lambda, triggers: Triggers, address: str, stage: str, project: Path
    ) -> None:
        self._functions = functions
        self._triggers = triggers
        self._address = address
        self._stage = stage
        self._project = project
        self._printed_lines: set[str] = set()

    def start_triggers_and_describe(self) -> list[str]:
        """Start and end triggers, as the app now has them; return the lines not printed before."""
        lines = [*self._addresses(), *self._triggers.update(), *self._functions.warnings]
        new = [line for line in lines if line not in self._printed_lines]
        self._printed_lines = set(lines) | self._printed_lines
        return new

    def _addresses(self) -> Iterator[str]:
        if (self._project / "web" / "index.html").exists():
            yield f"page       http://{self._address}/"
        if has_websocket_api(self._functions):
            yield f"WebSocket  ws://{self._address}/{self._stage}"
        if REST in self._functions.timeouts:
            yield f"REST       http://{self._address}/{self._stage}/"

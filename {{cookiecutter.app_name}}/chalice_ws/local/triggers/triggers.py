"""The triggers on this machine of the functions that have no route."""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from chalice_ws.local.functions.workers import Lambda
from chalice_ws.local.triggers import schedules, sns, sqs, streams
from chalice_ws.local.triggers.event_sources import Trigger, describe
from chalice_ws.project.functions import logical_id
from chalice_ws.project.resources import QUEUE, TOPIC, Resources, called_function

log = logging.getLogger("chalice_ws")


class Triggers:
    """The triggers that run on this machine.

    They are schedules, and the queues, topics and tables with a stream of the resource files.

    Args:
        functions: what runs the functions. Its triggers change when the app is loaded again.
        resources: the resource files.
        environment: the variables from `isolate`.
        run_schedules: whether to run schedules too.
        command: the command that invokes a function by its name.
    """

    def __init__(
        self,
        functions: Lambda,
        resources: Resources,
        environment: dict[str, str],
        run_schedules: bool,
        command: Callable[[str], str],
    ) -> None:
        self._functions = functions
        self._resources = resources
        self._environment = environment
        self._run_schedules = run_schedules
        self._command = command
        self._topics = {arn.rpartition(":")[2] for arn in resources.named(TOPIC)}
        tables = resources.tables()
        self._stream_tables = {
            each["TableName"] for each in tables if "StreamSpecification" in each
        }
        self._positions: streams.Positions = {}
        self._shared = (functions, environment)
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def update(self) -> list[str]:
        """Start the triggers that are new, and end those that are gone.

        Returns:
            A line for each function that nothing invokes on this machine.
        """
        triggers, lines = self._functions.triggers, []
        work: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {}
        names = {logical_id(name): name for name in triggers}
        mapped = self._mappings(names)
        for name, trigger in triggers.items():
            source = self._source(trigger)
            topic = trigger["source"].rpartition(":")[2]
            table = self._stream_table(trigger)
            if source:
                work[json.dumps([name, source])] = partial(sqs.serve, name, source, *self._shared)
            elif trigger["kind"] == "sns" and topic in self._topics:
                work[f"{name} {topic}"] = partial(sns.serve, name, topic, *self._shared)
            elif table:
                mapping = trigger["mapping"]
                work[json.dumps([name, table, mapping])] = partial(self._read, name, table, mapping)
            elif self._run_schedules and trigger["kind"] == "schedule":
                work[json.dumps([name, trigger])] = partial(
                    schedules.run, name, trigger["source"], self._functions
                )
            elif name not in mapped:
                lines.append(f"{name} ({describe(trigger)}): run it with {self._command(name)}")
        for each in mapped.values():
            work.update(each)
        for key in self._tasks.keys() - work.keys():
            self._tasks.pop(key).cancel()
        for key in work.keys() - self._tasks.keys():
            self._tasks[key] = task = asyncio.create_task(work[key]())
            task.add_done_callback(_log_error)
        return lines

    def _mappings(self, names: dict[str, str]) -> dict[str, dict[str, Any]]:
        """Return the work of the event source mappings of the resource files, by function."""
        work: dict[str, dict[str, Any]] = defaultdict(dict)
        for source in self._resources.sources():
            if name := names.get(called_function(source)):
                key = json.dumps([name, source])
                work[name][key] = partial(sqs.serve, name, source, *self._shared)
        for table, source in self._resources.stream_sources():
            if name := names.get(called_function(source)):
                work[name][json.dumps(source)] = partial(self._read, name, table, source)
        return work

    def _read(self, name: str, table: str, mapping: dict[str, Any]) -> Coroutine[Any, Any, None]:
        arguments = (name, table, mapping, self._functions, self._environment, self._positions)
        return streams.Stream(*arguments).serve()

    def _stream_table(self, trigger: Trigger) -> str | None:
        # An ARN ends with table/NAME/stream/LABEL. The label of a deployed table is another one.
        parts = trigger["source"].partition(":table/")[2].split("/")
        is_here = trigger["kind"] == "dynamodb" and parts[0] in self._stream_tables
        return parts[0] if is_here else None

    def _source(self, trigger: Trigger) -> dict[str, Any] | None:
        # For @app.on_sqs_message Chalice makes the event source mapping. No resource file has it.
        if trigger["kind"] != "sqs":
            return None
        for url in self._resources.named(QUEUE):
            queue = url.rpartition("/")[2]
            if queue == trigger["source"].rpartition(":")[2]:
                account, region = url.split("/")[3], self._environment["AWS_REGION"]
                return {
                    **trigger["mapping"],
                    "EventSourceArn": f"arn:aws:sqs:{region}:{account}:{queue}",
                    "QueueUrl": url,
                }
        return None


def _log_error(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("a trigger has ended (%s: %s)", type(error).__name__, error)

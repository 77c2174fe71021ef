"""The triggers of the app's other functions on this machine: queues and schedules."""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from chalice.utils import to_cfn_resource_name

from chalice_ws.local.functions.workers import Lambda
from chalice_ws.local.triggers import schedules, sqs
from chalice_ws.local.triggers.event_sources import Trigger, describe
from chalice_ws.project.resources import Resources

log = logging.getLogger("chalice_ws")


class Triggers:
    """The triggers that run on this machine: queues of the resource files, and schedules.

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
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._told: set[str] = set()

    def update(self) -> list[str]:
        """Start the triggers that are new, and end those that are gone.

        Returns:
            A line for each function that nothing invokes on this machine, once.
        """
        triggers = self._functions.triggers
        known = {to_cfn_resource_name(name) for name in triggers}
        sources = [each for each in self._resources.sources() if sqs.logical_id(each) in known]
        sources += filter(None, map(self._source, triggers, triggers.values()))
        work = {json.dumps(each): partial(self._poll, each) for each in sources}
        polled, lines = {sqs.logical_id(each) for each in sources}, []
        for name, trigger in triggers.items():
            if self._run_schedules and trigger["kind"] == "schedule":
                work[json.dumps([name, trigger])] = partial(self._schedule, name, trigger)
            elif to_cfn_resource_name(name) not in polled:
                lines.append(f"{name} ({describe(trigger)}): run it with {self._command(name)}")
        for key in self._tasks.keys() - work.keys():
            self._tasks.pop(key).cancel()
        for key in work.keys() - self._tasks.keys():
            self._tasks[key] = task = asyncio.create_task(work[key]())
            task.add_done_callback(_log_error)
        new = [line for line in lines if line not in self._told]
        self._told.update(new)
        return new

    def _poll(self, source: dict[str, Any]) -> Coroutine[Any, Any, None]:
        return sqs.serve(source, self._functions, self._environment)

    def _schedule(self, name: str, trigger: Trigger) -> Coroutine[Any, Any, None]:
        return schedules.run(name, trigger["source"], self._functions)

    def _source(self, name: str, trigger: Trigger) -> dict[str, Any] | None:
        # Chalice makes the mapping of its own queues, so that no resource file has it.
        if trigger["kind"] != "sqs":
            return None
        for url in self._resources.queues():
            queue = url.rpartition("/")[2]
            if queue == trigger["source"].rpartition(":")[2]:
                account, region = url.split("/")[3], self._environment["AWS_REGION"]
                return {
                    **trigger["mapping"],
                    "FunctionName": {"Ref": to_cfn_resource_name(name)},
                    "EventSourceArn": f"arn:aws:sqs:{region}:{account}:{queue}",
                    "QueueUrl": url,
                }
        return None


def _log_error(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("a trigger has ended (%s: %s)", type(error).__name__, error)

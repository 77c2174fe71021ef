"""Check that the policies of an app allow the calls in its source.

A generated app is skipped: its tests record its calls, which is more exact.
"""

import io
from collections.abc import Iterator
from contextlib import redirect_stdout
from functools import cache
from inspect import unwrap
from pathlib import Path
from typing import Any

from boto3.session import Session
from botocore import xform_name
from botocore.exceptions import BotoCoreError
from chalice.constants import POST_TO_WEBSOCKET_CONNECTION_POLICY
from chalice.deploy.models import AutoGenIAMPolicy, LambdaFunction
from chalice.policy import (
    load_api_policy_actions,
    load_custom_policy_actions,
    policy_from_source_code,
)

from chalice_ws.project.check.stage import Stage
from chalice_ws.project.config import Advice, shown
from chalice_ws.project.functions import MESSAGE, REST, ROUTES
from chalice_ws.project.permissions.calls import MANAGEMENT_API, Call, Calls
from chalice_ws.project.permissions.iam_names import KNOWN_SERVICES, OPERATION_ACTIONS
from chalice_ws.project.permissions.policy_files import read_statements
from chalice_ws.project.permissions.role_permissions import allowed_actions

# Their usual calls need no permission.
SERVICES_WITHOUT_PERMISSION = ("sts",)

# Each of these actions may be the one that a transaction needs.
WRITES = tuple(f"dynamodb:{each}Item" for each in ("ConditionCheck", "Delete", "Put", "Update"))


GUESSED = "the policy that Chalice guesses"
OWN_POLICY = 'use "autogen_policy": false and a policy file'


def check_calls(stage: Stage) -> Iterator[str]:
    """Yield calls that a policy does not allow, and a policy that Chalice cannot guess."""
    if problem := _guess_problem(stage):
        yield problem
        return
    message = stage.functions.get(MESSAGE)
    sends = stage.app.websocket_api.session is not None
    if message and _is_guessed(message) and sends and not _gets_permission_to_send(stage):
        what = f"{GUESSED} for {MESSAGE} does not allow execute-api:ManageConnections"
        yield Advice(f"{stage.where}: {what}; {OWN_POLICY}")
    for policy, places in _find(stage).items():
        what = f"{policy} does not allow what the app calls (got {', '.join(places)})"
        if policy == GUESSED:
            yield Advice(f"{stage.where}: {what}; {OWN_POLICY}")
        else:
            yield f"{what}; add it"


def _find(stage: Stage) -> dict[str, list[str]]:
    """Return the actions that a policy does not allow, each with a place, by policy."""
    if stage.follows_template:
        return {}
    folder = Path(stage.config.project_dir)
    calls, resources = Calls(folder), stage.read_resources()
    found: dict[str, dict[str, str]] = {}
    for name, function in stage.functions.items():
        path = stage.policy_file(name)
        if _is_guessed(function):
            shown_policy, statements = GUESSED, _guess(folder)
            if _gets_permission_to_send(stage):
                statements = [*statements, POST_TO_WEBSOCKET_CONNECTION_POLICY]
        # check_policies reports a file that is missing.
        elif path and path.exists():
            shown_policy, statements = str(shown(path)), read_statements(path)
        else:
            continue
        for call in [each for entry in _entries(stage, name) for each in calls.of(*entry)]:
            needed = needed_by(call)
            allowed = allowed_actions(statements, name, resources, needed)
            if needed and not allowed.actions and not allowed.unknown_policies:
                found.setdefault(shown_policy, {}).setdefault(" or ".join(needed), call.place)
    return {
        policy: [f"{action} in {place}" for action, place in places.items()]
        for policy, places in found.items()
    }


def _guess_problem(stage: Stage) -> str:
    """Return a line if Chalice cannot guess the policy, or else an empty string."""
    if any(map(_is_guessed, stage.functions.values())):
        try:
            _guess(Path(stage.config.project_dir))
        # Chalice's analyzer does not know all of Python: https://github.com/aws/chalice/issues
        except Exception as error:
            got = f"{type(error).__name__}: {error}"
            return (
                f"{stage.where}: Chalice cannot guess a policy for app.py (got {got}); {OWN_POLICY}"
            )
    return ""


def needed_by(call: Call) -> tuple[str, ...]:
    """Return the actions of which a call needs one. Empty: it is not known."""
    if call.service in SERVICES_WITHOUT_PERMISSION:
        return ()
    if call.is_resource:
        operations = _resource_operations(call.service).get(call.method, set())
    else:
        operations = _client_operations(call.service).get(call.method, set())
    return next(iter(operations)) if len(operations) == 1 else ()


@cache
def _client_operations(service: str) -> dict[str, set[tuple[str, ...]]]:
    try:
        model = Session()._session.get_service_model(service)
    except BotoCoreError:
        return {}
    found = {
        xform_name(each): {_actions(service, each)}
        for each in model.operation_names
        # Anyone may call the others, such as those of an issuer for people.
        if model.operation_model(each).auth_type != "none"
    }
    own = load_custom_policy_actions().get(service, {})
    return {**found, **{name: {(actions[0],)} for name, actions in own.items()}}


@cache
def _resource_operations(service: str) -> dict[str, set[tuple[str, ...]]]:
    try:
        model = Session()._loader.load_service_model(service, "resources-1", None)
    except BotoCoreError:
        return {}
    found: dict[str, set[tuple[str, ...]]] = {}
    for kind in [model["service"], *model["resources"].values()]:
        for name, action in kind.get("actions", {}).items():
            operation = action["request"]["operation"]
            found.setdefault(xform_name(name), set()).add(_actions(service, operation))
    if service == "dynamodb":
        found["batch_writer"] = {("dynamodb:BatchWriteItem",)}
    return found


def _actions(service: str, operation: str) -> tuple[str, ...]:
    if service == MANAGEMENT_API:
        # The one action of all its calls.
        return ("execute-api:ManageConnections",)
    if f"{service}:{operation}" == "dynamodb:TransactWriteItems":
        return WRITES
    known = load_api_policy_actions().get(service, {}).get(operation)
    if known is None and service not in KNOWN_SERVICES:
        return ()
    action = known or f"{service}:{operation}"
    return (OPERATION_ACTIONS.get(action, action),)


@cache
def _guess(folder: Path) -> list[dict[str, Any]]:
    source = (folder / "app.py").read_text(encoding="utf-8")
    # Chalice prints the services that it does not know.
    with redirect_stdout(io.StringIO()):
        return list(policy_from_source_code(source)["Statement"])


def _is_guessed(function: LambdaFunction) -> bool:
    return isinstance(getattr(function.role, "policy", None), AutoGenIAMPolicy)


def _gets_permission_to_send(stage: Stage) -> bool:
    """Return whether Chalice adds execute-api:ManageConnections to the policy that it guesses.

    It does so if the policy of the first WebSocket function is guessed. (WebsocketPolicyInjector)
    """
    found = [stage.functions[name] for name in ROUTES.values() if name in stage.functions]
    first = next((each for each in found if each.role is not None), None)
    return first is not None and _is_guessed(first)


def _entries(stage: Stage, name: str) -> Iterator[tuple[str, str]]:
    """Yield the modules and names of the functions of the app that a Lambda function runs."""
    if name != REST:
        module, _, function = stage.functions[name].handler.rpartition(".")
        yield module, function
        return
    for methods in stage.app.routes.values():
        for route in methods.values():
            view = unwrap(route.view_function)
            yield view.__module__, view.__name__

"""Change sets: a failure is rolled back, and the events name the reason.

moto answers a failure as an invalid request, keeps the resources, and has no outputs.
"""

from typing import Any

from moto.cloudformation.models import ChangeSet, Event, Stack
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult, EmptyResult

from tests.deploy.aws.stacks import Failed


def execute(change: ChangeSet, token: str | None) -> None:
    """Create or update the stack of a change set."""
    stack, creates = change.stack, change.change_set_type == "CREATE"
    before = {"Resources": dict(stack.resource_map._resource_json_map)}
    try:
        stack.resource_map.update(change.template_dict, change.parameters)
    except Failed as failed:
        _add_event(stack, failed, "CREATE_FAILED" if creates else "UPDATE_FAILED", token)
        if not creates:
            stack.resource_map.update(before)
            stack.status = "UPDATE_ROLLBACK_COMPLETE"
        else:
            stack.resource_map.delete()
            stack.status = "ROLLBACK_COMPLETE"
    else:
        stack.template, stack.template_dict = change.template, change.template_dict
        stack.output_map = stack._create_output_map()
        stack.status = f"{change.change_set_type}_COMPLETE"
    change.execution_status = "EXECUTE_COMPLETE"


def _add_event(stack: Stack, failed: Failed, status: str, token: str | None) -> None:
    arguments = (stack.stack_id, stack.name, failed.name, "", failed.kind, status, failed.reason)
    event = Event(*arguments, resource_properties=None)
    event.client_request_token = token
    stack.events.append(event)


def install() -> None:
    """Replace moto's operations."""
    create = CloudFormationResponse.create_change_set

    def create_change_set(self: CloudFormationResponse) -> ActionResult:
        answer = create(self)
        change = self.cloudformation_backend.change_sets[answer.result["Id"]]
        change.on_failure = self._get_param("OnStackFailure")
        return answer

    def execute_change_set(self: CloudFormationResponse) -> Any:
        backend = self.cloudformation_backend
        change = backend.describe_change_set(self._get_param("ChangeSetName"))
        execute(change, self._get_param("ClientRequestToken"))
        if change.stack.status == "ROLLBACK_COMPLETE" and change.on_failure == "DELETE":
            change.stack.status = "DELETE_COMPLETE"
            backend.deleted_stacks[change.stack_id] = backend.stacks.pop(change.stack_id)
        return EmptyResult()

    CloudFormationResponse.create_change_set = create_change_set
    CloudFormationResponse.execute_change_set = execute_change_set

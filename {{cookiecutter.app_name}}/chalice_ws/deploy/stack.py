"""A CloudFormation stack: its state, and the calls that create, update and delete it."""

import sys
import time
import uuid
from typing import Any

from botocore.exceptions import ClientError

from chalice_ws.deploy.errors import DeployError
from chalice_ws.deploy.targets import command

POLL_SECONDS = 1

# The status of a stack that has only a change set, which was never executed.
IN_REVIEW = "REVIEW_IN_PROGRESS"

# The statuses in which a stack cannot be updated, each with the step that failed and the remedy.
RECREATE = "run {destroy}, then {deploy}"
STUCK = {
    "CREATE_FAILED": ("creation", RECREATE),
    "ROLLBACK_COMPLETE": ("creation", RECREATE),
    "ROLLBACK_FAILED": ("creation", RECREATE),
    "DELETE_FAILED": ("deletion", "run {destroy}, and correct what it reports"),
    "UPDATE_ROLLBACK_FAILED": (
        "rollback",
        "choose 'Continue update rollback' in CloudFormation's console, then deploy again",
    ),
}
NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


class Stack:
    """The stack of a stage.

    Args:
        session: a boto3 session.
        app: the name of the app.
        stage: the name of the stage.
    """

    def __init__(self, session: Any, app: str, stage: str) -> None:
        self._cloudformation = session.client("cloudformation")
        self._stage = stage
        self.name = f"{app}-{stage}"

    def exists(self) -> bool:
        """Return whether the stack exists, with resources."""
        stack = self._describe()
        # A stack in review has a change set that was never executed, and no resources.
        return stack is not None and stack["StackStatus"] != IN_REVIEW

    def has_description(self) -> bool:
        """Return whether CloudFormation knows the stack, with or without resources."""
        return self._describe() is not None

    def require_updatable(self) -> None:
        """Raise DeployError if the stack exists and cannot be updated now."""
        status = (self._describe() or {"StackStatus": IN_REVIEW})["StackStatus"]
        if status in STUCK:
            step, advice = STUCK[status]
            problem = f"the stack {self.name} cannot be updated, its {step} failed (got {status})"
            commands = {name: command(name, self._stage) for name in ("deploy", "destroy")}
            raise DeployError(f"{problem}; {advice.format(**commands)}")
        if status.endswith("_IN_PROGRESS") and status != IN_REVIEW:
            raise DeployError(f"the stack {self.name} is busy (got {status}); wait, then run again")

    def _describe(self) -> dict[str, Any] | None:
        """Return CloudFormation's description of the stack, or None if it does not exist."""
        try:
            answer = self._cloudformation.describe_stacks(StackName=self.name)
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        stack: dict[str, Any] = answer["Stacks"][0]
        return stack

    def outputs(self) -> dict[str, str]:
        """Return the outputs by name. Raise DeployError if the stack does not exist."""
        stack = self._describe()
        if stack is None or stack["StackStatus"] == IN_REVIEW:
            advice = f"run {command('deploy', self._stage)}"
            raise DeployError(f"the stack does not exist (got {self.name!r}); {advice}")
        return {each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", [])}

    def resources(self, kind: str) -> dict[str, str]:
        """Return the physical ids of the resources of a type, by logical id."""
        pages = self._cloudformation.get_paginator("list_stack_resources")
        return {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for page in pages.paginate(StackName=self.name)
            for each in page["StackResourceSummaries"]
            # A resource whose creation failed has no physical id.
            if each["ResourceType"] == kind and each.get("PhysicalResourceId")
        }

    def apply(self, template_url: str) -> bool:
        """Create or update the stack. Return whether there were changes.

        Raises:
            DeployError: it failed. CloudFormation has restored the previous state, or reports that
                it could not.
        """
        self.require_updatable()
        exists = self.exists()
        request: dict[str, Any] = {
            "StackName": self.name,
            "ChangeSetName": f"deploy-{uuid.uuid4()}",
            "ChangeSetType": "UPDATE" if exists else "CREATE",
            "TemplateURL": template_url,
            "Capabilities": ["CAPABILITY_IAM"],
        }
        if not exists:
            # Without it a stack whose creation failed stays, and blocks the next deploy.
            request["OnStackFailure"] = "DELETE"
        change_set = self._cloudformation.create_change_set(**request)
        planned = self._wait_for_change_set(change_set["Id"])
        reason = planned.get("StatusReason", "")
        if planned["Status"] == "FAILED":
            unchanged = any(text in reason for text in NO_CHANGES)
            if not unchanged:
                reason = ": ".join([reason, *self._validation_errors(change_set["Id"])])
            self._cloudformation.delete_change_set(ChangeSetName=change_set["Id"])
            if unchanged:
                return False
            if not exists:
                # The change set has created a stack without resources.
                self._cloudformation.delete_stack(StackName=self.name)
            raise DeployError(f"CloudFormation refused the template (got {reason}); correct it")
        token = str(uuid.uuid4())
        print(f"{'Updating' if exists else 'Creating'} the stack {self.name}. It takes minutes.")
        self._cloudformation.execute_change_set(
            ChangeSetName=change_set["Id"], ClientRequestToken=token
        )
        self._wait(change_set["StackId"], token, {"CREATE_COMPLETE", "UPDATE_COMPLETE"})
        return True

    def delete(self) -> None:
        """Delete the stack if it exists. Raise DeployError if a resource remains."""
        stack = self._describe()
        if stack:
            token = str(uuid.uuid4())
            self._cloudformation.delete_stack(StackName=self.name, ClientRequestToken=token)
            self._wait(stack["StackId"], token, {"DELETE_COMPLETE"})

    def _wait_for_change_set(self, change_set_id: str) -> dict[str, Any]:
        while True:
            change_set: dict[str, Any] = self._cloudformation.describe_change_set(
                ChangeSetName=change_set_id
            )
            if change_set["Status"] in ("CREATE_COMPLETE", "FAILED"):
                return change_set
            time.sleep(POLL_SECONDS)

    def _validation_errors(self, change_set_id: str) -> list[str]:
        """Return the errors of CloudFormation's early validation of a change set.

        The status reason of the change set does not have them.
        """
        try:
            answer = self._cloudformation.describe_events(
                ChangeSetName=change_set_id, Filters={"FailedEvents": True}
            )
        except ClientError:
            # The user may lack this permission. The status reason is better than this error.
            return []
        return [
            f"{each.get('LogicalResourceId', self.name)}: {each['ValidationStatusReason']}"
            for each in answer.get("OperationEvents", [])
            if each.get("ValidationStatusReason")
        ]

    def _wait(self, stack_id: str, token: str, expected: set[str]) -> None:
        """Wait for the end of the operation `token`. Raise DeployError for any other status."""
        while True:
            # The status right after the call may still be the one before it.
            time.sleep(POLL_SECONDS)
            # A stack that has been deleted is found by its id alone.
            stack = self._cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]
            status = stack["StackStatus"]
            if not status.endswith("_IN_PROGRESS"):
                break
        if status not in expected:
            for line in self._failures(stack_id, token):
                print(f"error: {line}", file=sys.stderr)
            problem = f"the stack {self.name} failed (got {status})"
            raise DeployError(f"{problem}; correct the resource that failed first")

    def _failures(self, stack_id: str, token: str) -> list[str]:
        """Return the failures of the operation `token`, oldest first, without cancellations."""
        pages = self._cloudformation.get_paginator("describe_stack_events")
        return [
            f"{each['LogicalResourceId']} ({each['ResourceType']}): {reason}"
            for page in pages.paginate(StackName=stack_id)
            for each in page["StackEvents"]
            for reason in [each.get("ResourceStatusReason", "CloudFormation gave no reason")]
            if each.get("ClientRequestToken") == token
            and each["ResourceStatus"].endswith("_FAILED")
            and each["PhysicalResourceId"] != stack_id
            and "cancelled" not in reason.lower()
        ][::-1]

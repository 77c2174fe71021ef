"""A CloudFormation stack: how it stands, and how it is made, changed and deleted."""

import sys
import time
import uuid
from typing import Any

from botocore.exceptions import ClientError

from chalice_ws.deploy.errors import DeployError

# Seconds between two looks at what CloudFormation is doing.
PAUSE = 2

# What to do about a stack that cannot be changed as it is.
STUCK = {
    "ROLLBACK_COMPLETE": "it was never made whole: run make destroy STAGE={stage}, then again",
    "ROLLBACK_FAILED": "it was never made whole: run make destroy STAGE={stage}, then again",
    "CREATE_FAILED": "it was never made whole: run make destroy STAGE={stage}, then again",
    "DELETE_FAILED": "run make destroy STAGE={stage}, and mend what it says",
    "UPDATE_ROLLBACK_FAILED": "in AWS's console choose 'Continue update rollback', then run again",
}
NO_CHANGES = ("didn't contain changes", "No updates are to be performed")


class Stack:
    """The stack of a stage.

    Args:
        session: a boto3 session.
        app: the app's name.
        stage: dev or prod.
    """

    def __init__(self, session: Any, app: str, stage: str) -> None:
        self._cloudformation = session.client("cloudformation")
        self._stage = stage
        self.name = f"{app}-{stage}"

    def describe(self) -> dict[str, Any] | None:
        """What CloudFormation says of it; None if there is no such stack, or only a plan of one."""
        try:
            answer = self._cloudformation.describe_stacks(StackName=self.name)
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        found: dict[str, Any] = answer["Stacks"][0]
        return None if found["StackStatus"] == "REVIEW_IN_PROGRESS" else found

    def there(self) -> bool:
        """Whether the stack is there; raises DeployError if it cannot be changed now."""
        found = self.describe()
        if found is None:
            return False
        status = found["StackStatus"]
        if status in STUCK:
            advice = STUCK[status].format(stage=self._stage)
            raise DeployError(f"the stack {self.name} is stuck (got {status}); {advice}")
        if status.endswith("_IN_PROGRESS"):
            raise DeployError(f"the stack {self.name} is busy (got {status}); wait, then run again")
        return True

    def outputs(self) -> dict[str, str]:
        """The outputs by their names; raises DeployError if there is no stack."""
        found = self.describe()
        if found is None:
            advice = f"run make deploy STAGE={self._stage}"
            raise DeployError(f"there is no such stack (got {self.name!r}); {advice}")
        return {each["OutputKey"]: each["OutputValue"] for each in found.get("Outputs", [])}

    def resources(self, kind: str) -> dict[str, str]:
        """The physical names of its resources of a type, by their logical ids."""
        pages = self._cloudformation.get_paginator("list_stack_resources")
        return {
            each["LogicalResourceId"]: each["PhysicalResourceId"]
            for page in pages.paginate(StackName=self.name)
            for each in page["StackResourceSummaries"]
            if each["ResourceType"] == kind
        }

    def apply(self, template_url: str) -> bool:
        """Make the stack, or change it; return whether there was anything to do.

        Raises:
            DeployError: it failed, and CloudFormation has put back what was there before.
        """
        exists = self.there()
        request: dict[str, Any] = {
            "StackName": self.name,
            "ChangeSetName": f"deploy-{uuid.uuid4()}",
            "ChangeSetType": "UPDATE" if exists else "CREATE",
            "TemplateURL": template_url,
            "Capabilities": ["CAPABILITY_IAM"],
        }
        if not exists:
            request["OnStackFailure"] = "DELETE"  # or the next try would find a stuck one
        change = self._cloudformation.create_change_set(**request)
        planned = self._planned(change["Id"])
        reason = planned.get("StatusReason", "")
        if planned["Status"] == "FAILED":
            self._cloudformation.delete_change_set(ChangeSetName=change["Id"])
            if any(words in reason for words in NO_CHANGES):
                return False
            if not exists:  # an empty one would stay
                self._cloudformation.delete_stack(StackName=self.name)
            raise DeployError(f"CloudFormation does not take the template ({reason}); mend it")
        token = str(uuid.uuid4())
        print(f"{'Changing' if exists else 'Making'} the stack {self.name}: some minutes ...")
        self._cloudformation.execute_change_set(
            ChangeSetName=change["Id"], ClientRequestToken=token
        )
        self._finish(change["StackId"], token, {"CREATE_COMPLETE", "UPDATE_COMPLETE"})
        return True

    def delete(self) -> None:
        """Delete the stack; raises DeployError if something of it stays."""
        found = self.describe()
        if found:
            token = str(uuid.uuid4())
            self._cloudformation.delete_stack(StackName=self.name, ClientRequestToken=token)
            self._finish(found["StackId"], token, {"DELETE_COMPLETE"})

    def _planned(self, change_set: str) -> dict[str, Any]:
        while True:
            answer: dict[str, Any] = self._cloudformation.describe_change_set(
                ChangeSetName=change_set
            )
            if answer["Status"] in ("CREATE_COMPLETE", "FAILED"):
                return answer
            time.sleep(PAUSE)

    def _finish(self, stack_id: str, token: str, good: set[str]) -> None:
        while True:
            time.sleep(PAUSE)  # before the first look too: it may not have begun
            # By its id: so a stack can be seen that has been deleted, as after it failed at first.
            found = self._cloudformation.describe_stacks(StackName=stack_id)["Stacks"][0]
            status = found["StackStatus"]
            if not status.endswith("_IN_PROGRESS"):
                break
        if status not in good:
            for line in self._failures(stack_id, token):
                print(f"error: {line}", file=sys.stderr)
            raise DeployError(
                f"the stack {self.name} failed (got {status}); mend what failed first"
            )

    def _failures(self, stack_id: str, token: str) -> list[str]:
        """What failed since `token`, the first first; what was only given up for it left out."""
        pages = self._cloudformation.get_paginator("describe_stack_events")
        return [
            f"{each['LogicalResourceId']} ({each['ResourceType']}): {reason}"
            for page in pages.paginate(StackName=stack_id)
            for each in page["StackEvents"]
            for reason in [each.get("ResourceStatusReason", "no reason given")]
            if each.get("ClientRequestToken") == token
            and each["ResourceStatus"].endswith("_FAILED")
            and each["PhysicalResourceId"] != stack_id
            and "cancelled" not in reason.lower()
        ][::-1]

"""A record of the calls to AWS that each function makes while the tests run."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from botocore.handlers import BUILTIN_HANDLERS
from chalice.policy import load_api_policy_actions

from chalicelib.aws import session
from tests.support.iam import Call

# The action of each operation, by service. Most have the name of their operation; s3's HeadObject
# needs s3:GetObject.
ACTIONS: dict[str, dict[str, str]] = load_api_policy_actions()

# Operations that Chalice's list lacks, and whose action has another name:
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
MORE_ACTIONS = {
    ("bedrock-runtime", "Converse"): "bedrock:InvokeModel",
    ("bedrock-runtime", "ConverseStream"): "bedrock:InvokeModelWithResponseStream",
    ("lambda", "Invoke"): "lambda:InvokeFunction",
    ("lambda", "InvokeWithResponseStream"): "lambda:InvokeFunction",
    ("s3", "CopyObject"): "s3:PutObject",
    ("s3", "DeleteObjects"): "s3:DeleteObject",
    ("s3", "HeadBucket"): "s3:ListBucket",
    ("s3", "ListMultipartUploads"): "s3:ListBucketMultipartUploads",
    ("s3", "ListObjectVersions"): "s3:ListBucketVersions",
    ("s3", "ListParts"): "s3:ListMultipartUploadParts",
    ("s3", "UploadPartCopy"): "s3:PutObject",
    ("sns", "PublishBatch"): "sns:Publish",
}

# The actions of Lambda for each function. The stack has created the log group: with a right to
# create it, late logs would create it anew after the stack is deleted.
LOG_ACTIONS = ["logs:CreateLogStream", "logs:PutLogEvents"]


class CallRecorder:
    """The calls of each function, in the test that runs.

    Args:
        stack: the prefix of the names that Chalice gives to functions, such as "app-dev-".
    """

    def __init__(self, stack: str) -> None:
        self.calls: set[tuple[str, Call]] = set()
        # Those of the tests that have ended.
        self.earlier_calls: set[tuple[str, Call]] = set()
        self._stack = stack
        self._function: str | None = None
        # The app's session exists already. The second line reaches those that are made later.
        session.events.register("before-parameter-build", self._record_request)
        BUILTIN_HANDLERS.append(("before-parameter-build", self._record_request))

    @contextmanager
    def function(self, name: str) -> Iterator[None]:
        """Record the calls inside of the block as those of a function, named as in app.py."""
        before, self._function = self._function, name
        region = str(session.region_name)
        for action in LOG_ACTIONS:
            self._add(action, f"log-group:/aws/lambda/{self._stack}*", region)
        try:
            yield
        finally:
            self._function = before

    def record_management_request(self, method: str, path: str) -> None:
        """Record a request to the management API, sent by any HTTP client."""
        stage = path.split("/")[1]
        resource = f"*/{stage}/{method}/@connections/*"
        self._add("execute-api:ManageConnections", resource, str(session.region_name))

    def _record_request(
        self, params: dict[str, Any], model: Any, context: dict[str, Any], **_: Any
    ) -> None:
        service = model.service_model
        # Requests to the management API are recorded where they arrive.
        if service.signing_name != "execute-api":
            for operation, resource in _resources(model.name, params):
                action = _action(service.service_name, service.signing_name, operation)
                self._add(action, resource, context["client_region"], params.get("Key"))

    def _add(self, action: str, resource: str, region: str, key: str | None = None) -> None:
        if self._function:
            self.calls.add((self._function, new_call(action, resource, region, key)))


def new_call(action: str, resource: str, region: str, key: str | None = None) -> Call:
    """Return a call of an action on a resource: an ARN, or the last part of one."""
    service = action.split(":")[0]
    if resource.startswith("arn:"):
        exact = resource
        widest = ":".join(["arn:*", service, "*", "*", *resource.split(":")[5:]])
    elif service == "s3":
        widest = f"arn:*:s3:::{resource}"
        exact = f"arn:{_partition(region)}:s3:::{resource}"
        if key is not None:
            exact = exact[:-1] + key
    else:
        widest = f"arn:*:{service}:*:*:{resource}" if resource else "*"
        exact = f"arn:{_partition(region)}:{service}:{region}:*:{resource}"
    return Call(action, exact, widest)


def _partition(region: str) -> str:
    return {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(region.rsplit("-", 2)[0], "aws")


def _action(service: str, prefix: str, operation: str) -> str:
    known = ACTIONS.get(service, {}).get(operation)
    return known or MORE_ACTIONS.get((service, operation)) or f"{prefix}:{operation}"


def _resources(operation: str, params: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the operations that a request needs permission for, each with its resource.

    A resource is an ARN, or the last part of one, or "" where the request does not name it.
    """
    if "TransactItems" in params:
        for item in params["TransactItems"]:
            yield from ((f"{kind}Item", f"table/{item[kind]['TableName']}") for kind in item)
    elif "RequestItems" in params:
        yield from ((operation, f"table/{name}") for name in params["RequestItems"])
    elif "TableName" in params:
        index = f"/index/{params['IndexName']}" if "IndexName" in params else ""
        yield operation, f"table/{params['TableName']}{index}"
    elif "Bucket" in params:
        yield operation, params["Bucket"] + ("/*" if {"Key", "Delete"} & params.keys() else "")
    elif "QueueUrl" in params:
        yield operation, params["QueueUrl"].rpartition("/")[2]
    elif "FunctionName" in params and not params["FunctionName"].startswith("arn:"):
        yield operation, f"function:{params['FunctionName']}"
    elif operation == "GetParameter" and not params["Name"].startswith("arn:"):
        # The ARN of the parameter /a/b ends with parameter/a/b.
        yield operation, f"parameter/{params['Name'].lstrip('/')}"
    elif "SecretId" in params:
        yield operation, _secret(params["SecretId"])
    else:
        yield (
            operation,
            next((each for each in map(str, params.values()) if each[:4] == "arn:"), ""),
        )


def _secret(secret_id: str) -> str:
    """Return the resource of a secret's name or ARN. AWS adds six characters to the name."""
    if secret_id.startswith("arn:"):
        return re.sub(r"-[A-Za-z0-9]{6}$", "-??????", secret_id)
    return f"secret:{secret_id}-??????"

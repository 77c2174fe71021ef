"""The settings of an account that all of its APIs share: a role for access logs, and a quota."""

import json
import time
from typing import Any

from botocore.exceptions import ClientError

from chalice_ws.deploy.build import Template
from chalice_ws.project.quotas import check_rate

# API Gateway refuses a new role until IAM has published it in all its regions. It also takes one
# UpdateAccount in 20 seconds from an account.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
ROLE_WAIT_SECONDS = 60
ROLE_POLL_SECONDS = 5


def allow_access_logs(session: Any, template: Template) -> None:
    """Allow API Gateway to write access logs, if the template has any.

    API Gateway writes them with a role that all APIs of an account and region share. A new account
    has none.
    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
    """
    if '"AccessLogSettings"' not in json.dumps(template):
        return
    gateway = session.client("apigateway")
    if gateway.get_account().get("cloudwatchRoleArn"):
        return
    name = f"api-gateway-logs-{session.region_name}"
    change = {"op": "replace", "path": "/cloudwatchRoleArn", "value": _create_role(session, name)}
    for _ in range(ROLE_WAIT_SECONDS // ROLE_POLL_SECONDS):
        try:
            gateway.update_account(patchOperations=[change])
            break
        except (
            gateway.exceptions.BadRequestException,
            gateway.exceptions.TooManyRequestsException,
        ):
            time.sleep(ROLE_POLL_SECONDS)
    else:
        gateway.update_account(patchOperations=[change])
    print(f"Allowed API Gateway to write logs in {session.region_name}, with the role {name}.")


def find_rate_problem(session: Any, rate: str) -> str:
    """Return a line if FANOUT_RPS is above the account's quota, or else an empty string."""
    try:
        settings = session.client("apigateway").get_account().get("throttleSettings", {})
    except ClientError:
        # The user may lack this permission. Nothing depends on the warning.
        return ""
    quota = settings.get("rateLimit", float("inf"))
    return check_rate(rate, quota, f"the account's quota in {session.region_name}")


def _create_role(session: Any, name: str) -> str:
    """Create the role unless it exists. Return its ARN."""
    iam = session.client("iam")
    principal = {"Service": "apigateway.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    try:
        arn = str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"])
    except iam.exceptions.EntityAlreadyExistsException:
        arn = str(iam.get_role(RoleName=name)["Role"]["Arn"])
    partition = arn.split(":")[1]
    policy = "iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
    iam.attach_role_policy(RoleName=name, PolicyArn=f"arn:{partition}:{policy}")
    return arn

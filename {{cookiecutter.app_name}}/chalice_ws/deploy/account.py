"""What an account must have beside the stack: a bucket for the code, and a role for API logs."""

import json
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from chalice_ws.deploy.errors import DeployError
from chalice_ws.deploy.package import Template

# In seconds: a new role is known everywhere only after a while.
PATIENCE = 60


class Bucket:
    """Where the code goes, on its way to Lambda.

    Args:
        session: a boto3 session.
        account: the account's number.
        stack: the stack's name, which the keys begin with.
        name: a bucket of the user's; None for one that is made when needed, for this stack alone.

    Raises:
        DeployError: the bucket is missing, somebody else's, or in another region.
    """

    def __init__(self, session: Any, account: str, stack: str, name: str | None = None) -> None:
        self._s3 = session.client("s3")
        self._account = account
        self._region = session.region_name
        self._stack = stack
        self._uploaded: set[str] = set()
        self._own = name is None
        self.name = name or f"{stack}-{account}-{self._region}".lower()
        if len(self.name) > 63:
            what = f"a bucket's name has 63 characters at most (got {self.name!r})"
            raise DeployError(f"{what}; use a bucket of yours: BUCKET=...")
        self.exists = self._look()

    def upload(self, path: Path) -> str:
        """Put a file there once, under its hash; return its key."""
        content = path.read_bytes()
        key = f"{self._stack}/{sha256(content).hexdigest()[:32]}{path.suffix}"
        if key not in self._uploaded:
            self._s3.put_object(Bucket=self.name, Key=key, Body=content, **self._mine())
            self._uploaded.add(key)
        return key

    def url(self, key: str) -> str:
        """The address of an object, as CloudFormation takes it."""
        return f"{self._s3.meta.endpoint_url}/{self.name}/{key}"

    def create(self) -> None:
        """Make the bucket, for nobody else to read."""
        where = {"CreateBucketConfiguration": {"LocationConstraint": self._region}}
        self._s3.create_bucket(Bucket=self.name, **({} if self._region == "us-east-1" else where))
        blocks = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy")
        self._s3.put_public_access_block(
            Bucket=self.name,
            PublicAccessBlockConfiguration=dict.fromkeys((*blocks, "RestrictPublicBuckets"), True),
        )

    def delete(self) -> None:
        """Delete the bucket and what is in it."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, **self._mine())
        for page in pages:
            keys = [{"Key": each["Key"]} for each in page.get("Contents", [])]
            if keys:
                self._s3.delete_objects(Bucket=self.name, Delete={"Objects": keys}, **self._mine())
        self._s3.delete_bucket(Bucket=self.name, **self._mine())

    def _mine(self) -> dict[str, str]:
        # Names of buckets are shared by all of AWS: one like ours may be somebody else's.
        return {"ExpectedBucketOwner": self._account}

    def _look(self) -> bool:
        try:
            head = self._s3.head_bucket(Bucket=self.name, **self._mine())
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            headers = error.response["ResponseMetadata"].get("HTTPHeaders", {})
            if status == 404 and self._own:
                return False
            if status == 404:
                what, use = "does not exist", "make it, or leave BUCKET out and one is made"
            elif status in (301, 400):
                return self._in(headers.get("x-amz-bucket-region", "another region"))
            else:
                what, use = "is not yours, or not for you to use", "use another: BUCKET=..."
            raise DeployError(f"the bucket {what} (got {self.name!r}); {use}") from None
        return self._in(head.get("BucketRegion", self._region))

    def _in(self, region: str) -> bool:
        if region != self._region:
            what = f"the bucket {self.name!r} is in another region (got {region!r})"
            raise DeployError(f"{what}; use one in {self._region}, or leave BUCKET out")
        return True


def allow_access_logs(session: Any, template: Template) -> None:
    """Let API Gateway write access logs, if the template has it write some.

    It takes a role, one for all APIs of an account and region, which a new account does not have:
    https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html
    """
    if '"AccessLogSettings"' not in json.dumps(template):
        return
    gateway = session.client("apigateway")
    if gateway.get_account().get("cloudwatchRoleArn"):
        return
    name = f"api-gateway-logs-{session.region_name}"
    iam = session.client("iam")
    principal = {"Service": "apigateway.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    try:
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    except iam.exceptions.EntityAlreadyExistsException:
        arn = iam.get_role(RoleName=name)["Role"]["Arn"]
    policy = "iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
    iam.attach_role_policy(RoleName=name, PolicyArn=f"arn:{arn.split(':')[1]}:{policy}")
    change = [{"op": "replace", "path": "/cloudwatchRoleArn", "value": arn}]
    for wait in (*[5] * (PATIENCE // 5), None):
        try:
            gateway.update_account(patchOperations=change)
            break
        except gateway.exceptions.BadRequestException:
            if wait is None:
                raise
            time.sleep(wait)
    print(f"API Gateway may now write logs in {session.region_name}, by the role {name}.")

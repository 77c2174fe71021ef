"""The S3 bucket through which the code and the template reach CloudFormation."""

from hashlib import sha256
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from chalice_ws.deploy.errors import DeployError

# https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
MAX_NAME_LENGTH = 63


class Bucket:
    """A bucket for the code of one stack.

    Args:
        session: a boto3 session.
        account_id: the account that must own the bucket.
        stack: the name of the stack, with which the keys begin.
        name: the user's own bucket. None: a bucket of this stack, to be created when it is missing.

    Raises:
        DeployError: the bucket does not exist, is in another account, or is in another region.
    """

    def __init__(self, session: Any, account_id: str, stack: str, name: str | None = None) -> None:
        self._s3 = session.client("s3")
        self._region = session.region_name
        self._stack = stack
        self._uploaded: set[str] = set()
        self._belongs_to_user = name is not None
        # Bucket names are shared by all accounts. A bucket of this name may be in another account.
        self._owner = {"ExpectedBucketOwner": account_id}
        self.name = name or f"{stack}-{account_id}-{self._region}".lower()
        if len(self.name) > MAX_NAME_LENGTH:
            problem = f"the bucket name is too long, the maximum is {MAX_NAME_LENGTH} characters"
            raise DeployError(f"{problem} (got {self.name!r}); use your own bucket: BUCKET=...")
        self.exists = self._find()

    def upload(self, path: Path) -> str:
        """Upload a file under its hash, once. Return its key."""
        content = path.read_bytes()
        key = f"{self._stack}/{sha256(content).hexdigest()[:32]}{path.suffix}"
        if key not in self._uploaded:
            self._s3.put_object(Bucket=self.name, Key=key, Body=content, **self._owner)
            self._uploaded.add(key)
        return key

    def url(self, key: str) -> str:
        """Return the URL of an object, in the form that CloudFormation accepts."""
        return f"{self._s3.meta.endpoint_url}/{self.name}/{key}"

    def create(self) -> None:
        """Create the bucket, without public access."""
        location = {"CreateBucketConfiguration": {"LocationConstraint": self._region}}
        # S3 refuses us-east-1 as a location constraint: it is the default.
        options = {} if self._region == "us-east-1" else location
        self._s3.create_bucket(Bucket=self.name, **options)
        blocks = (
            "BlockPublicAcls",
            "BlockPublicPolicy",
            "IgnorePublicAcls",
            "RestrictPublicBuckets",
        )
        self._s3.put_public_access_block(
            Bucket=self.name, PublicAccessBlockConfiguration=dict.fromkeys(blocks, True)
        )

    def delete(self) -> None:
        """Delete the bucket and its objects."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, **self._owner)
        for page in pages:
            keys = [{"Key": each["Key"]} for each in page.get("Contents", [])]
            if keys:
                self._s3.delete_objects(Bucket=self.name, Delete={"Objects": keys}, **self._owner)
        self._s3.delete_bucket(Bucket=self.name, **self._owner)

    def _find(self) -> bool:
        """Return whether the bucket exists. Raise DeployError if it cannot be used."""
        try:
            head = self._s3.head_bucket(Bucket=self.name, **self._owner)
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            headers = error.response["ResponseMetadata"].get("HTTPHeaders", {})
            if status == 404 and not self._belongs_to_user:
                return False
            if status == 404:
                problem, advice = "does not exist", "create it, or leave BUCKET out"
            elif status in (301, 400):
                self._check_region(headers.get("x-amz-bucket-region", "unknown"))
                return True
            else:
                problem = "belongs to another account, or its use is not allowed"
                advice = "use your own: BUCKET=..."
            raise DeployError(f"the bucket {problem} (got {self.name!r}); {advice}") from None
        self._check_region(head.get("BucketRegion", self._region))
        return True

    def _check_region(self, region: str) -> None:
        if region != self._region:
            problem = f"the bucket {self.name!r} is in another region (got {region!r})"
            raise DeployError(f"{problem}; use one in {self._region}, or leave BUCKET out")

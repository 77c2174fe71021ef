"""The advice of an app's policy check for calls that the app does not make by itself.

Run by its path in the app's folder. Prints JSON: the advice for each call of CALLS in `advice`,
what is left to do once it is followed in `remaining`, and the advice where a statement denies the
calls (`denied`) or has a condition (`conditional`).
"""

import contextlib
import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError

sys.path.insert(0, str(Path.cwd()))

from chalice_ws.local import services  # type: ignore[import-not-found]
from chalice_ws.local.isolation import isolate  # type: ignore[import-not-found]

from tests.support.policies import missing, recorder  # type: ignore[import-not-found]

POLICY = Path(".chalice/dev/notify.json")
FUNCTION_ARN = "arn:aws:lambda:eu-west-1:123456789012:function:resize"
SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:rotated-AbC1eF"
CALLS: list[tuple[str, str, dict[str, Any]]] = [
    ("s3", "head_object", {"Bucket": "pictures", "Key": "a/b.png"}),
    ("s3", "list_objects_v2", {"Bucket": "pictures"}),
    ("s3", "head_bucket", {"Bucket": "pictures"}),
    ("s3", "delete_objects", {"Bucket": "pictures", "Delete": {"Objects": [{"Key": "a"}]}}),
    ("lambda", "invoke", {"FunctionName": "resize"}),
    ("lambda", "invoke", {"FunctionName": FUNCTION_ARN}),
    (
        "sqs",
        "send_message_batch",
        {"QueueUrl": "http://localhost/123456789012/jobs", "Entries": []},
    ),
    ("events", "put_events", {"Entries": [{"Source": "app"}]}),
    ("dynamodb", "transact_get_items", {"TransactItems": [{"Get": {"TableName": "t", "Key": {}}}]}),
    ("dynamodb", "query", {"TableName": "t", "IndexName": "by-name"}),
    ("ssm", "get_parameter", {"Name": "/app/key", "WithDecryption": True}),
    ("secretsmanager", "get_secret_value", {"SecretId": "app/partner"}),
    ("secretsmanager", "get_secret_value", {"SecretId": SECRET_ARN}),
]


def main() -> None:
    """Print the advice for each call, and what remains once it is followed."""
    url = services.serve()
    os.environ.update(isolate(url, gateway=url), AWS_ENDPOINT_URL_LAMBDA=url)
    policy = json.loads(POLICY.read_text())
    statements = policy["Statement"]
    advice: list[tuple[str, str]] = []
    calls: set[Any] = set()
    for service, operation, arguments in CALLS:
        recorder.calls.clear()
        with recorder.function("notify"), contextlib.suppress(BotoCoreError, ClientError):
            getattr(boto3.client(service), operation)(**arguments)
        calls |= recorder.calls
        advice += re.findall(r'add "(.+)" on "(.+)"', "\n".join(missing("dev")))
    recorder.calls = calls

    def missing_with(*changed: dict[str, Any]) -> str:
        POLICY.write_text(json.dumps({**policy, "Statement": [*statements, *changed]}))
        return "\n".join(missing("dev"))

    granted = [{"Effect": "Allow", "Action": a, "Resource": r} for a, r in advice]
    denial = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    condition = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}
    result = {
        "advice": advice,
        "remaining": missing_with(*granted).splitlines(),
        "denied": missing_with(*granted, denial),
        "conditional": missing_with(*({**each, "Condition": condition} for each in granted)),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()

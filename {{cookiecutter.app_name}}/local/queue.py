"""A queue as a function's event source: what Lambda does with it, on moto's SQS.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import asyncio
import json
import logging
from typing import Any

import boto3
from chalice.utils import to_cfn_resource_name

from local.functions import Result
from local.workers import Lambda

log = logging.getLogger("local")

# What CreateQueue takes of an AWS::SQS::Queue, beside the policy.
_ATTRIBUTES = {"DelaySeconds", "MaximumMessageSize", "MessageRetentionPeriod", "VisibilityTimeout"}

# Seconds between two looks at an empty queue.
PAUSE = 0.1


def create(queues: dict[str, dict[str, Any]]) -> None:
    """Create queues from the properties that CloudFormation would be given, by their URLs."""
    sqs = boto3.client("sqs")
    # Those that others send their dead letters to come first.
    for url, queue in sorted(queues.items(), key=lambda each: "RedrivePolicy" in each[1]):
        attributes = {name: str(queue[name]) for name in _ATTRIBUTES & queue.keys()}
        if "RedrivePolicy" in queue:
            attributes["RedrivePolicy"] = json.dumps(queue["RedrivePolicy"])
        sqs.create_queue(QueueName=url.rpartition("/")[2], Attributes=attributes)


class Source:
    """An event source mapping.

    Args:
        properties: what CloudFormation would be given, and QueueUrl.
        functions: what it invokes.
        environment: where SQS is, as the functions are told.
    """

    def __init__(
        self, properties: dict[str, Any], functions: Lambda, environment: dict[str, str]
    ) -> None:
        self._logical_id = properties["FunctionName"]["Ref"]
        self._arn, self._url = properties["EventSourceArn"], properties["QueueUrl"]
        self._size = properties.get("BatchSize", 10)
        self._room = properties.get("ScalingConfig", {}).get("MaximumConcurrency", 5)
        self._reports = "ReportBatchItemFailures" in properties.get("FunctionResponseTypes", [])
        self._functions = functions
        self._region = environment["AWS_REGION"]
        self._sqs = boto3.client(
            "sqs",
            endpoint_url=environment["AWS_ENDPOINT_URL"],
            region_name=self._region,
            aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        )

    async def run(self) -> None:
        """Invoke the function with what is in the queue, for as long as this runs."""
        await asyncio.gather(*(self._poll() for _ in range(self._room)))

    async def _poll(self) -> None:
        while True:
            try:
                messages = await asyncio.to_thread(self._receive)
                await (self._handle(messages) if messages else asyncio.sleep(PAUSE))
            except Exception:
                log.exception("the queue of %s", self._logical_id)
                await asyncio.sleep(1)

    def _receive(self) -> list[dict[str, Any]]:
        answer = self._sqs.receive_message(
            QueueUrl=self._url, MaxNumberOfMessages=self._size, AttributeNames=["All"]
        )
        return list(answer.get("Messages", []))

    async def _handle(self, messages: list[dict[str, Any]]) -> None:
        names = {to_cfn_resource_name(name): name for name in self._functions.timeouts}
        name = names[self._logical_id]
        result = await self._functions.invoke(name, {"Records": [*map(self._record, messages)]})
        failed = self._failed(result, {each["MessageId"] for each in messages})
        log.info("%-11s %d of %d messages done", name, len(messages) - len(failed), len(messages))
        for each in messages:  # the others come again when their visibility timeout is over
            if each["MessageId"] not in failed:
                receipt = each["ReceiptHandle"]
                await asyncio.to_thread(
                    self._sqs.delete_message, QueueUrl=self._url, ReceiptHandle=receipt
                )

    def _failed(self, result: Result, sent: set[str]) -> set[str]:
        if result.error:
            return sent
        if not self._reports or not result.value:
            return set()
        try:
            failures = result.value["batchItemFailures"] or []
            failed = {failure["itemIdentifier"] for failure in failures}
        except (KeyError, TypeError):
            failed = {None}
        return failed if failed <= sent else sent  # an answer that names no message fails all

    def _record(self, message: dict[str, Any]) -> dict[str, Any]:
        return {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {},
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": self._arn,
            "awsRegion": self._region,
        }

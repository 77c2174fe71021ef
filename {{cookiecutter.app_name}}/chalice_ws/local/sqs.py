"""A queue as a function's event source: what Lambda does with it, on moto's SQS.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import asyncio
import json
import logging
from typing import Any

import boto3
from chalice.utils import to_cfn_resource_name

from chalice_ws.local.runtime import Result
from chalice_ws.local.workers import Lambda

log = logging.getLogger("local")

# What CreateQueue takes of an AWS::SQS::Queue; the rest has no meaning here.
_ATTRIBUTES = {"DelaySeconds", "MessageRetentionPeriod", "RedrivePolicy", "VisibilityTimeout"}

# Seconds between two looks at an empty queue.
PAUSE = 0.1


def create(queues: dict[str, dict[str, Any]]) -> None:
    """Create queues from the properties that CloudFormation would be given, by their URLs."""
    sqs = boto3.client("sqs")
    # Those that others send their dead letters to come first.
    for url, queue in sorted(queues.items(), key=lambda each: "RedrivePolicy" in each[1]):
        attributes = {name: json.dumps(queue[name]) for name in _ATTRIBUTES & queue.keys()}
        sqs.create_queue(QueueName=url.rpartition("/")[2], Attributes=attributes)


async def serve(source: dict[str, Any], functions: Lambda, environment: dict[str, str]) -> None:
    """Invoke a function with what is in its queue, for as long as this runs.

    Args:
        source: the properties of the event source mapping, from Resources.sources.
        functions: what it invokes.
        environment: what the functions are told of where AWS is.
    """
    sqs = boto3.client(
        "sqs",
        endpoint_url=environment["AWS_ENDPOINT_URL"],
        region_name=environment["AWS_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
    )
    queue = {"QueueUrl": source["QueueUrl"]}
    request = {"MaxNumberOfMessages": source.get("BatchSize", 10), "AttributeNames": ["All"]}

    async def take() -> None:
        answer = await asyncio.to_thread(sqs.receive_message, **queue, **request)
        messages = answer.get("Messages", [])
        if not messages:
            await asyncio.sleep(PAUSE)
            return
        names = {to_cfn_resource_name(name): name for name in functions.timeouts}
        name = names[source["FunctionName"]["Ref"]]
        event = {"Records": [_record(each, source, environment) for each in messages]}
        failed = _failed(source, await functions.invoke(name, event), messages)
        done = [each["ReceiptHandle"] for each in messages if each["MessageId"] not in failed]
        log.info("%-11s %d of %d messages done", name, len(done), len(messages))
        for receipt in done:  # the others come again after their visibility timeout
            await asyncio.to_thread(sqs.delete_message, **queue, ReceiptHandle=receipt)

    async def poll() -> None:
        while True:
            try:
                await take()
            except Exception:
                log.exception("the queue of %s", source["FunctionName"])
                await asyncio.sleep(1)

    room = source.get("ScalingConfig", {}).get("MaximumConcurrency", 5)
    await asyncio.gather(*(poll() for _ in range(room)))


def _failed(source: dict[str, Any], result: Result, messages: list[Any]) -> set[str]:
    everything = {each["MessageId"] for each in messages}
    if result.error:
        return everything
    if "ReportBatchItemFailures" not in source.get("FunctionResponseTypes", []):
        return set()
    try:
        failures = (result.value or {}).get("batchItemFailures") or []
        failed = {each["itemIdentifier"] for each in failures}
    except (AttributeError, KeyError, TypeError):
        return everything
    return failed if failed <= everything else everything


def _record(message: Any, source: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {},
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": source["EventSourceArn"],
        "awsRegion": environment["AWS_REGION"],
    }

"""An SQS queue as a function's event source, polled as Lambda polls it.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
"""

import asyncio
import base64
import logging
from typing import Any

from chalice_ws.local.functions.endpoints import QUEUES_ENDPOINT
from chalice_ws.local.functions.runtime import Result
from chalice_ws.local.functions.workers import Lambda
from chalice_ws.local.triggers.clients import make_client
from chalice_ws.local.triggers.polling import poll

log = logging.getLogger("chalice_ws")

# The pause after an empty response.
POLL_SECONDS = 0.1

# Lambda starts with five batches at a time. (AWS)
DEFAULT_CONCURRENCY = 5


async def serve(
    name: str, source: dict[str, Any], functions: Lambda, environment: dict[str, str]
) -> None:
    """Invoke a function with the messages of its queue, until cancelled.

    Args:
        name: the name of the function.
        source: the properties of the event source mapping, from Resources.sources.
        functions: what runs the function.
        environment: the variables from `isolate`.
    """
    sqs = make_client("sqs", QUEUES_ENDPOINT, environment)
    queue = {"QueueUrl": source["QueueUrl"]}
    request = {
        # SQS gives ten at a time. Lambda collects more, up to the batch size.
        "MaxNumberOfMessages": min(source.get("BatchSize", 10), 10),
        "AttributeNames": ["All"],
        "MessageAttributeNames": ["All"],
    }

    async def process_batch() -> None:
        answer = await asyncio.to_thread(sqs.receive_message, **queue, **request)
        messages = answer.get("Messages", [])
        if not messages:
            await asyncio.sleep(POLL_SECONDS)
            return
        event = {"Records": [_record(each, source, environment) for each in messages]}
        failed = _failed_ids(source, await functions.invoke(name, event), messages)
        done = [each["ReceiptHandle"] for each in messages if each["MessageId"] not in failed]
        log.info("%-11s %d of %d messages done", name, len(done), len(messages))
        # The failed messages appear again after their visibility timeout.
        for receipt in done:
            await asyncio.to_thread(sqs.delete_message, **queue, ReceiptHandle=receipt)

    concurrency = source.get("ScalingConfig", {}).get("MaximumConcurrency", DEFAULT_CONCURRENCY)
    await asyncio.gather(*(poll(process_batch, f"the queue of {name}") for _ in range(concurrency)))


def _failed_ids(source: dict[str, Any], result: Result, messages: list[Any]) -> set[str]:
    # An error, or a report that is not valid, fails the batch as a unit.
    batch = {each["MessageId"] for each in messages}
    if result.error:
        return batch
    if "ReportBatchItemFailures" not in source.get("FunctionResponseTypes", []):
        return set()
    try:
        failures = (result.value or {}).get("batchItemFailures") or []
        failed = {each["itemIdentifier"] for each in failures}
    except (AttributeError, KeyError, TypeError):
        return batch
    return failed if failed <= batch else batch


def _record(message: Any, source: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {
            name: _attribute(value) for name, value in message.get("MessageAttributes", {}).items()
        },
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": source["EventSourceArn"],
        "awsRegion": environment["AWS_REGION"],
    }


def _attribute(value: dict[str, Any]) -> dict[str, Any]:
    fields = {"dataType": value["DataType"], "stringListValues": [], "binaryListValues": []}
    if "StringValue" in value:
        fields["stringValue"] = value["StringValue"]
    if "BinaryValue" in value:
        fields["binaryValue"] = base64.b64encode(value["BinaryValue"]).decode()
    return fields

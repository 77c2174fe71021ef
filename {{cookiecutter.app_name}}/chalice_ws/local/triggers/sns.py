"""An SNS topic as a function's event source.

Strategy: the gateway subscribes a queue to the topic for each function, and invokes the function
with each message of the queue.
"""

import asyncio
import json
import logging
from typing import Any

from chalice_ws.local.functions.endpoints import TOPICS_ENDPOINT
from chalice_ws.local.functions.workers import Lambda
from chalice_ws.local.triggers.clients import make_client
from chalice_ws.local.triggers.polling import poll
from chalice_ws.local.triggers.sqs import POLL_SECONDS
from chalice_ws.project.resources import ACCOUNT

log = logging.getLogger("chalice_ws")

# Lambda's names of the fields that a queue gets under another name.
RENAMED = {"SigningCertURL": "SigningCertUrl", "UnsubscribeURL": "UnsubscribeUrl"}


async def serve(name: str, topic: str, functions: Lambda, environment: dict[str, str]) -> None:
    """Invoke a function with each message of a topic, until cancelled.

    Args:
        name: the name of the function.
        topic: the name of the topic.
        functions: what runs the function.
        environment: the variables from `isolate`.
    """
    # moto's server at the endpoint of SNS has SQS too, even if the app defines no queue.
    sqs = make_client("sqs", TOPICS_ENDPOINT, environment)
    sns = make_client("sns", TOPICS_ENDPOINT, environment)
    where = f"{environment['AWS_REGION']}:{ACCOUNT}"
    queue = f"chalice-ws-{name}"
    url = (await asyncio.to_thread(sqs.create_queue, QueueName=queue))["QueueUrl"]
    request = {"Protocol": "sqs", "Endpoint": f"arn:aws:sqs:{where}:{queue}"}
    request["TopicArn"] = f"arn:aws:sns:{where}:{topic}"
    subscription = (await asyncio.to_thread(sns.subscribe, **request))["SubscriptionArn"]

    async def process_messages() -> None:
        receive = {"QueueUrl": url, "MaxNumberOfMessages": 10}
        messages = (await asyncio.to_thread(sqs.receive_message, **receive)).get("Messages", [])
        if not messages:
            await asyncio.sleep(POLL_SECONDS)
        for message in messages:
            receipt = message["ReceiptHandle"]
            await asyncio.to_thread(sqs.delete_message, QueueUrl=url, ReceiptHandle=receipt)
        events = [_event(message["Body"], subscription) for message in messages]
        results = await asyncio.gather(*(functions.invoke(name, event) for event in events))
        for result in results:
            log.info("%-11s %s", name, "failed, AWS tries twice more" if result.error else "ok")

    await poll(process_messages, f"the topic of {name}")


def _event(body: str, subscription: str) -> dict[str, Any]:
    fields = {RENAMED.get(name, name): value for name, value in json.loads(body).items()}
    record = {
        "EventSource": "aws:sns",
        "EventVersion": "1.0",
        "EventSubscriptionArn": subscription,
        "Sns": {"Subject": None, "MessageAttributes": {}, **fields},
    }
    return {"Records": [record]}

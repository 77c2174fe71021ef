"""A fixture for delivery through the queue."""

import json

import pytest

from chalicelib.delivery import queue
from tests.client import Api
from tests.support.queue import LambdaPoller

# As in resources/scale.json when generated.
MAX_RECEIVES = 5


@pytest.fixture
def scaled(api: Api, monkeypatch: pytest.MonkeyPatch) -> LambdaPoller:
    """The app with its queue. One function sends to three members at most."""
    sqs = queue.sqs()
    dead_letters = sqs.create_queue(QueueName="engine-FanoutDeadLetters")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=dead_letters, AttributeNames=["QueueArn"])
    redrive = {
        "deadLetterTargetArn": attributes["Attributes"]["QueueArn"],
        "maxReceiveCount": MAX_RECEIVES,
    }
    settings = {"VisibilityTimeout": "180", "RedrivePolicy": json.dumps(redrive)}
    url = sqs.create_queue(QueueName="engine-FanoutQueue", Attributes=settings)["QueueUrl"]
    monkeypatch.setenv("FANOUT_LIMIT", "3")
    monkeypatch.setenv("FANOUT_QUEUE", url)
    return LambdaPoller(api, url)

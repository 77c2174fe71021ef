"""The event sources of an app's functions, which invoke them on AWS."""

import json
from typing import Any

from chalice import Chalice
from chalice.app import (
    CloudWatchEventConfig,
    DynamoDBEventConfig,
    KinesisEventConfig,
    S3EventConfig,
    ScheduledEventConfig,
    SNSEventConfig,
    SQSEventConfig,
)

from chalice_ws.project.schedule_expressions import expression_of

# A trigger as JSON: its kind, its source, and the settings of an event source mapping.
Trigger = dict[str, Any]

# The kinds, in words.
KINDS = {
    "schedule": "schedule",
    "sqs": "SQS queue",
    "sns": "SNS topic",
    "s3": "S3 bucket",
    "dynamodb": "DynamoDB stream",
    "kinesis": "Kinesis stream",
    "cw_event": "event",
    "function": "Lambda function",
}


def read_event_sources(app: Chalice) -> dict[str, Trigger]:
    """Return the trigger of each function of an app that has no route."""
    triggers = {each.name: _trigger(each) for each in app.event_sources}
    return {**{each.name: _new("function") for each in app.pure_lambda_functions}, **triggers}


def _trigger(config: Any) -> Trigger:
    if isinstance(config, ScheduledEventConfig):
        return _new("schedule", expression_of(config))
    if isinstance(config, SQSEventConfig):
        maximum = config.maximum_concurrency
        mapping: Trigger = {"BatchSize": config.batch_size}
        if maximum:
            mapping["ScalingConfig"] = {"MaximumConcurrency": maximum}
        return {**_new("sqs", config.queue or config.queue_arn or ""), "mapping": mapping}
    if isinstance(config, SNSEventConfig):
        return _new("sns", config.topic)
    if isinstance(config, S3EventConfig):
        return _new("s3", config.bucket)
    if isinstance(config, DynamoDBEventConfig):
        return {**_new("dynamodb", config.stream_arn), "mapping": {"BatchSize": config.batch_size}}
    if isinstance(config, KinesisEventConfig):
        return _new("kinesis", config.stream)
    if isinstance(config, CloudWatchEventConfig):
        return _new("cw_event", json.dumps(config.event_pattern))
    return _new("function")


def _new(kind: str, source: str = "") -> Trigger:
    return {"kind": kind, "source": source}


def describe(trigger: Trigger) -> str:
    """Return a trigger as text: its kind and its source."""
    return f"{KINDS[trigger['kind']]} {trigger['source']}".strip()

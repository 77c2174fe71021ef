"""Functions of other services than API Gateway."""

from typing import Any

from chalice import Blueprint
from chalice.app import CloudWatchEvent, SNSEvent

jobs = Blueprint(__name__)
heard: list[str] = []


@jobs.schedule("rate(1 hour)")
def clean(event: CloudWatchEvent) -> None:
    heard.clear()


@jobs.on_sns_message(topic="news")
def listen(event: SNSEvent) -> None:
    heard.append(event.message)


@jobs.lambda_function(name="count")
def count_letters(event: Any, context: Any) -> dict[str, int]:
    return {letter: event["text"].count(letter) for letter in event["text"]}

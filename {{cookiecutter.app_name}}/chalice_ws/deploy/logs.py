"""The functions' logs, in a terminal."""

import time
from datetime import datetime
from typing import Any

# Seconds between two looks for more.
PAUSE = 2


def show(client: Any, group: str, minutes: int, follow: bool) -> None:
    """Print a log group's lines, each with its time and function.

    Args:
        client: boto3's, of CloudWatch Logs.
        minutes: how far back to begin.
        follow: go on until Ctrl-C.
    """
    since, seen = int(time.time() - 60 * minutes) * 1000, set[str]()
    while True:
        # Always from the same time: what was logged earlier may arrive later.
        pages = client.get_paginator("filter_log_events")
        for page in pages.paginate(logGroupName=group, startTime=since):
            for event in page["events"]:
                if event["eventId"] not in seen:
                    seen.add(event["eventId"])
                    _print(event)
        if not follow:
            return
        time.sleep(PAUSE)


def _print(event: dict[str, Any]) -> None:
    when = datetime.fromtimestamp(event["timestamp"] / 1000)
    # A stream is named DATE/FUNCTION[VERSION]ID where functions share a group.
    function = event["logStreamName"].rpartition("/")[2].partition("[")[0]
    print(f"{when:%H:%M:%S} {function} {event['message'].rstrip()}", flush=True)

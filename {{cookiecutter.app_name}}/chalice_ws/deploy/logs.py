"""The logs of the functions, printed in a terminal."""

import time
from datetime import datetime
from typing import Any

POLL_SECONDS = 2


def print_log_group(client: Any, group: str, minutes: int, follow: bool) -> None:
    """Print the lines of a log group, each with its time and function.

    Args:
        client: a boto3 client of CloudWatch Logs.
        group: the name of the log group.
        minutes: the age of the oldest line.
        follow: print new lines until Ctrl-C.
    """
    start_milliseconds = int(time.time() - 60 * minutes) * 1000
    printed_ids = set[str]()
    while True:
        # Each query goes back to the same start, since a line may arrive after later ones.
        pages = client.get_paginator("filter_log_events")
        for page in pages.paginate(logGroupName=group, startTime=start_milliseconds):
            for event in page["events"]:
                if event["eventId"] not in printed_ids:
                    printed_ids.add(event["eventId"])
                    _print_event(event)
        if not follow:
            return
        time.sleep(POLL_SECONDS)


def _print_event(event: dict[str, Any]) -> None:
    logged_at = datetime.fromtimestamp(event["timestamp"] / 1000)
    # In a group of several functions a stream is named DATE/FUNCTION[VERSION]ID.
    function = event["logStreamName"].rpartition("/")[2].partition("[")[0]
    print(f"{logged_at:%H:%M:%S} {function} {event['message'].rstrip()}", flush=True)

"""The queue of FANOUT_LIMIT in tests: a poller, as Lambda has it, and members of a channel."""

import json
from collections import deque
from typing import Any

from chalicelib import settings
from chalicelib.delivery import queue
from chalicelib.storage import table
from chalicelib.storage.table import Range
from tests.client import Api, Client
from tests.support.rows import write_members


class LambdaPoller:
    """A poller that runs the fanout function for one message of the queue after the other."""

    def __init__(self, api: Api, url: str) -> None:
        self.api = api
        self.request = {"QueueUrl": url}
        self.ranges: list[Range] = []

    def take(self) -> list[dict[str, Any]]:
        """Return the next message of the queue, or none."""
        found = queue.sqs().receive_message(**self.request, MaxNumberOfMessages=1)
        return list(found.get("Messages", []))

    def run(self, seconds: float = 29) -> None:
        """Run the worker until the queue is empty. A task that fails comes again."""
        while messages := self.take():
            for message in messages:
                self.ranges.append(Range(*json.loads(message["Body"])["range"]))
                record = {"messageId": message["MessageId"], "body": message["Body"]}
                try:
                    answer = self.api.run("fanout", {"Records": [record]}, seconds)
                except KeyboardInterrupt:
                    # The worker was killed.
                    answer = {"batchItemFailures": [{"itemIdentifier": message["MessageId"]}]}
                receipt = {**self.request, "ReceiptHandle": message["ReceiptHandle"]}
                if answer == {"batchItemFailures": []}:
                    queue.sqs().delete_message(**receipt)
                else:
                    assert answer["batchItemFailures"][0]["itemIdentifier"] == message["MessageId"]
                    queue.sqs().change_message_visibility(**receipt, VisibilityTimeout=0)


def join_many(api: Api, size: int) -> list[Client]:
    """Return clients that are members of the channel tea, without their handshakes."""
    clients = [api.attach() for _ in range(size)]
    write_members([client.connection_id for client in clients], "tea", endpoint=api.url)
    return clients


def received_counts(clients: list[Client]) -> list[int]:
    """Return how often each client received the one message that was sent."""
    pushes = [[client.push() for _ in range(client.waiting())] for client in clients]
    assert len({push["message_id"] for each in pushes for push in each}) <= 1
    return [len(each) for each in pushes]


def add_members(api: Api, size: int) -> list[str]:
    """Add members to the channel tea without their handshakes; return their ids, in order."""
    ids = [f"{number:015}=" for number in range(size)]
    for batch in table.batches(ids, 25):
        rows = [{**table.key("tea", each), "expires_at": {"N": "9999999999"}} for each in batch]
        requests = [{"PutRequest": {"Item": row}} for row in rows]
        table.call("batch_write_item", RequestItems={settings.connections_table(): requests})
    for each in ids:
        api.inboxes[each] = deque()
    return ids

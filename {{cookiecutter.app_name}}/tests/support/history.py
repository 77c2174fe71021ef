"""Messages as if they had been sent earlier."""

import json
import time

from chalicelib.delivery import publish as broadcast
from chalicelib.storage import history
from tests.client import Frame

DAY = 86_400


def at(seconds: float) -> str:
    """A message id that was made so many seconds from now."""
    return f"{int((time.time() + seconds) * 1000):012x}-{'0' * 16}"


def put(message_id: str, data: object) -> None:
    """Write a message to tea down as if it had been sent when its id says."""
    sent_at = int(message_id[:12], 16)
    push = {**broadcast.message("tea", data), "message_id": message_id, "sent_at": sent_at}
    history.save(push, json.dumps(push))


def data(reply: Frame) -> list[object]:
    """What the messages of a page hold."""
    return [message["data"] for message in reply["messages"]]

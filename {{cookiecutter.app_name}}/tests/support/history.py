"""Messages with a time in the past."""

import json
import time

from chalicelib.delivery.pushes import new_message
from chalicelib.storage import history
from tests.client import Frame

DAY = 86_400


def message_id_at(seconds: float) -> str:
    """Return a message id of the time `seconds` from now; negative is in the past."""
    return f"{int((time.time() + seconds) * 1000):012x}-{'0' * 16}"


def save_message(message_id: str, data: object) -> None:
    """Save a message to the channel tea, sent at the time in its id."""
    sent_at = int(message_id[:12], 16)
    push = {**new_message("tea", data), "message_id": message_id, "sent_at": sent_at}
    history.save(push, json.dumps(push))


def page_data(reply: Frame) -> list[object]:
    """Return the data of each message in a page."""
    return [each["data"] for each in reply["messages"]]

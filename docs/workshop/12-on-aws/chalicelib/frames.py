"""The fields of frames."""

import re


class BadFrame(Exception):
    """A frame that is not valid. The text says what to send instead."""


def channel_of(frame):
    channel = frame.get("channel", "lobby")
    if not isinstance(channel, str) or not 1 <= len(channel) <= 64:
        raise BadFrame("use a text of 1 to 64 characters as channel")
    return channel


def since_of(frame):
    if not re.fullmatch(r"\d{13}-[0-9a-f]{8}", str(frame["since"])):
        raise BadFrame("use the message_id of a message as since")
    return frame["since"]

"""The replies of the actions, and the pushes: the frames that clients get.

An action returns one of these types, or one of its own. `make protocol` reads them, and writes
docs/asyncapi.yaml and docs/protocol.md. A docstring is the summary there. An annotation has the
values of a field, such as `channel: Channel`, or a description: `Annotated[bool, "true if ..."]`.
"""

from typing import Annotated, Literal, TypedDict

from chalicelib.protocol.fields import (
    MAX_LIMIT,
    MAX_LISTED,
    MAX_SINGLES,
    Channel,
    Data,
    Field,
    MessageId,
    Name,
)
from chalicelib.protocol.push_types import Bye, ConnectionId, Member, Message, Presence

More = Annotated[bool, "true if there are more"]


class Echo(TypedDict):
    """The data."""

    type: Literal["echo"]
    data: Data


class Named(TypedDict):
    """The new name, as Unicode's standards normalize it."""

    type: Literal["named"]
    name: Name


class _ReadMark(TypedDict, total=False):
    read: Annotated[MessageId, "the mark of the user who is signed in"]
    read_alone: Annotated[
        list[MessageId],
        Field("the messages after it that are marked alone", schema={"maxItems": MAX_SINGLES}),
    ]


class _Page(TypedDict):
    messages: Annotated[list[Message], Field("oldest first", schema={"maxItems": MAX_LIMIT})]
    more: More
    complete: Annotated[
        bool,
        "false if messages after `since` may be missing because they are no longer kept",
    ]


class Joined(_ReadMark):
    """The connection is a member."""

    type: Literal["joined"]
    channel: Channel


class JoinedWithHistory(Joined, _Page):
    """The connection is a member.

    Messages begin 30 s before `since`; without it, they are the latest.
    """


class Left(TypedDict):
    """The connection is not a member."""

    type: Literal["left"]
    channel: Channel


class Sent(TypedDict):
    """The message is sent to the members, the sender included. The history has it if it is kept."""

    type: Literal["sent"]
    channel: Channel
    message_id: MessageId


class History(_Page):
    """At most `limit` messages, 50 by default, and as many as fit into one frame."""

    type: Literal["history"]
    channel: Channel


class _Only(TypedDict, total=False):
    only: Annotated[bool, "true if this message alone is marked"]


class Read(_Only):
    """The user's mark. It moves forward only. The user's other connections get it as a push."""

    type: Literal["read"]
    channel: Channel
    message_id: MessageId


class Members(TypedDict):
    """At most 100 members."""

    type: Literal["members"]
    channel: Channel
    members: Annotated[list[Member], Field("each with its name", schema={"maxItems": MAX_LISTED})]
    more: More
    you: Annotated[ConnectionId, "the connection_id of this client"]


class ChannelSize(TypedDict):
    """A channel, and the number of its members."""

    channel: Channel
    members: Annotated[int, Field("the number of members", schema={"minimum": 1})]


class Channels(TypedDict):
    """The 100 largest channels that the user may list."""

    type: Literal["channels"]
    channels: Annotated[
        list[ChannelSize],
        Field("each with the number of its members", schema={"maxItems": MAX_LISTED}),
    ]
    more: More


class Help(TypedDict):
    """The fields of each action, and the values that each accepts."""

    type: Literal["help"]
    actions: Annotated[
        dict[str, dict[str, str]],
        Field(
            "by their names, each with its fields",
            example={"leave": {"channel": "the name of a channel"}, "help": {}},
        ),
    ]


# What clients get without a request. Add the pushes of your own actions.
PUSHES: tuple[type, ...] = (Message, Presence, Bye, Read)

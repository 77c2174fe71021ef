"""The types of the pushes. chalicelib/replies.py lists them, with those of your own actions."""

from typing import Annotated, Literal, TypedDict

from chalicelib.protocol.fields import (
    NONCE,
    USER,
    Channel,
    Data,
    Field,
    MessageId,
    Name,
)

ConnectionId = Annotated[
    str,
    Field(
        "an id of API Gateway's",
        schema={"type": "string", "minLength": 1},
        example="PJqB0fHsqRcCHlw=",
    ),
]

# A key that may be missing is in a class of its own: typing.NotRequired needs Python 3.11.


class _SignedIn(TypedDict, total=False):
    user: Annotated[
        str, Field("the person who is signed in: the `sub` of the token", schema=USER.schema)
    ]


class Member(_SignedIn):
    """A connection, as others see it."""

    connection_id: ConnectionId
    name: Name


# The word `from` cannot be the name of an attribute.
_From = TypedDict(
    "_From",
    {"from": Annotated[Member | None, "the sender; null for a message of `notify`"]},
)


class _MessageOptions(TypedDict, total=False):
    nonce: Annotated[
        str, Field("chosen by the sender, random, one for each message", schema=NONCE.schema)
    ]
    keep: Annotated[Literal[False], "false: not in the history"]


class Message(_From, _MessageOptions):
    """A message of a member (`broadcast`) or of the function `notify`. The sender gets it too."""

    type: Literal["message"]
    message_id: MessageId
    channel: Channel
    data: Data
    sent_at: Annotated[int, Field("ms since the epoch", example=1755600741364)]


class Presence(TypedDict):
    """Another member joined, left or chose a new name.

    The lobby and channels above 101 members have none.
    """

    type: Literal["presence"]
    channel: Channel
    event: Literal["joined", "left", "named"]
    member: Member


class Bye(TypedDict):
    """The server closes the connection for good. Connect again with a new token alone.

    `signed_out`: the function `sign_out` has run. `expired`: the token has ended.
    """

    type: Literal["bye"]
    code: Annotated[Literal["signed_out", "expired"], "why the connection ends"]
    message: Annotated[str, Field("what to do", example="sign in again: you were signed out")]

"""The actions, which clients may ask for. Each function with `@router.action` is one.

To add one, write a function that returns the reply, name its fields in the decorator, and switch
it on in .chalice/config.json under WS_ACTIONS. Then `make protocol` describes it in docs/. The
summary is its docstring. The reply is its return type, from chalicelib/replies.py.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from chalicelib import access, replies, settings
from chalicelib.delivery.closing import say_bye
from chalicelib.delivery.pushes import (
    new_message,
    publish,
    publish_presence,
    publish_to_devices,
)
from chalicelib.protocol.fields import (
    CHANNEL,
    DATA,
    KEEP,
    LIMIT,
    MAX_LISTED,
    MESSAGE_ID,
    NAME,
    NONCE,
    ONLY,
    SINCE,
)
from chalicelib.protocol.frames import FrameError
from chalicelib.protocol.router import Request, Router
from chalicelib.protocol.user import User
from chalicelib.storage import connections, users
from chalicelib.storage import history as stored
from chalicelib.storage.channels import count_members, member_ids
from chalicelib.storage.requests import count_request
from chalicelib.storage.rows import LOBBY, OWN, Connection


def _limit_requests(connection_id: str) -> None:
    if maximum := settings.messages_per_minute():
        count_request(connection_id, maximum)


router = Router(before=_limit_requests, on_bye=say_bye)

# A new name is announced in one channel after another, until this many pushes are sent. The members
# of the other channels see it with the next message.
MAX_NAMED_PUSHES = 200

# The default number of messages in a page of history.
PAGE_SIZE = 50


@router.action(data=DATA)
def echo(request: Request, *, data: Any) -> replies.Echo:
    """Return `data`."""
    _require_sign_in(request)
    return {"type": "echo", "data": data}


@router.action(name=NAME)
def name(request: Request, *, name: str) -> replies.Named:
    """Set the name that others see.

    Invisible characters are refused. A name without sign-in proves nothing.
    """
    me = connections.get(request.connection_id)
    if me.user is not None:
        raise FrameError("forbidden", "keep the name: it is the one of your sign-in")
    if name != me.name:
        me = connections.rename(request.connection_id, name)
        pushes = 0
        for channel in sorted(me.channels):
            if pushes < MAX_NAMED_PUSHES:
                pushes += publish_presence(channel, "named", me, request.invocation)
    return {"type": "named", "name": name}


@router.action(channel=CHANNEL, since=SINCE, limit=LIMIT)
def join(
    request: Request, *, channel: str, since: str | None = None, limit: int | None = None
) -> replies.Joined | replies.JoinedWithHistory:
    """Join a channel, and return missed messages if `since` or `limit` is set."""
    me = connections.get(request.connection_id)
    _require(me.user, "join", channel)
    wants_history = since is not None or limit is not None
    if wants_history:
        _require(me.user, "history", channel)
    if channel != LOBBY:
        connections.join(me, channel)
        if channel not in me.channels:
            publish_presence(channel, "joined", me, request.invocation)
    reply: replies.Joined = {"type": "joined", "channel": channel}
    if me.user is not None:
        mark, singles = users.read_marks(channel, me.user.id)
        if mark:
            reply["read"] = mark
        if singles:
            reply["read_alone"] = singles
    if not wants_history:
        return reply
    # The history is read after the join: later messages arrive as pushes.
    start = since and stored.overlap_start(since)
    return {**reply, **stored.page(channel, start, limit or PAGE_SIZE)}


@router.action(channel=CHANNEL)
def leave(request: Request, *, channel: str) -> replies.Left:
    """Leave a channel. The lobby cannot be left."""
    if channel == LOBBY or channel.startswith(OWN):
        problem = "name another channel: the lobby and a user's own channel cannot be left"
        raise FrameError("bad_field", problem, "channel")
    me = connections.get(request.connection_id)
    if channel in me.channels:
        connections.leave(me, channel)
        publish_presence(channel, "left", me, request.invocation)
    return {"type": "left", "channel": channel}


@router.action(channel=CHANNEL, data=DATA, nonce=NONCE, keep=KEEP)
def broadcast(
    request: Request,
    *,
    channel: str = LOBBY,
    data: Any,
    nonce: str | None = None,
    keep: bool = True,
) -> replies.Sent:
    """Send `data` to the members of a channel. The default channel is the lobby."""
    me = _require_member(request, "broadcast", channel)
    push = new_message(channel, data, sender=me)
    if not keep:
        push["keep"] = False
    if nonce is not None:
        # The sender recognizes its own message by the nonce, also a message that it sent twice.
        push["nonce"] = nonce
    publish(push, request.invocation)
    return {"type": "sent", "channel": channel, "message_id": push["message_id"]}


@router.action(channel=CHANNEL, since=SINCE, limit=LIMIT)
def history(
    request: Request, *, channel: str, since: str | None = None, limit: int = PAGE_SIZE
) -> replies.History:
    """Return the messages of a channel after `since`, or the latest.

    The client must be a member.
    """
    _require_member(request, "history", channel)
    return {"type": "history", "channel": channel, **stored.page(channel, since, limit)}


@router.action(channel=CHANNEL, message_id=MESSAGE_ID, only=ONLY)
def read(request: Request, *, channel: str, message_id: str, only: bool = False) -> replies.Read:
    """Mark the messages up to `message_id` as read, on all devices of the user.

    Only a user who is signed in has a mark.
    """
    me = _require_member(request, "read", channel)
    if me.user is None:
        raise FrameError("forbidden", "sign in first: the mark belongs to a user")
    reply: replies.Read = {"type": "read", "channel": channel, "message_id": message_id}
    if only:
        reply["only"] = True
        has_moved = users.mark_one(channel, me.user.id, message_id)
    else:
        reply["message_id"], has_moved = users.move_mark(channel, me.user.id, message_id)
    if has_moved:
        publish_to_devices(reply, me, request.invocation)
    return reply


@router.action(channel=CHANNEL)
def who(request: Request, *, channel: str) -> replies.Members:
    """Return the members of a channel, each user once. The client need not be a member."""
    _require(connections.get(request.connection_id).user, "who", channel)
    found = member_ids(channel, page_size=MAX_LISTED + 1)
    ids = list(islice(found, MAX_LISTED + 1))
    rows = connections.get_many(ids[:MAX_LISTED], request.invocation.deadline)
    # A user is listed once, with one of the connections.
    people = {each.user.id if each.user else (each.connection_id,): each.member for each in rows}
    listed = list(people.values())
    more = len(ids) > MAX_LISTED
    return {
        "type": "members",
        "channel": channel,
        "members": listed,
        "more": more,
        "you": request.connection_id,
    }


@router.action()
def channels(request: Request) -> replies.Channels:
    """Return the largest channels and their sizes."""
    user = connections.get(request.connection_id).user
    counts = count_members(request.invocation.deadline)
    visible = [each for each in counts.items() if access.may(user, "who", each[0])]
    largest = sorted(visible, key=lambda count: (-count[1], count[0]))
    rows: list[replies.ChannelSize] = [
        {"channel": channel, "members": n} for channel, n in largest[:MAX_LISTED]
    ]
    return {"type": "channels", "channels": rows, "more": len(largest) > MAX_LISTED}


@router.action()
def help(request: Request) -> replies.Help:
    """Return the actions that are switched on."""
    _require_sign_in(request)
    actions = router.enabled().items()
    return {"type": "help", "actions": {name: action.describe() for name, action in actions}}


def _require_sign_in(request: Request) -> None:
    """Raise FrameError if the sign-in of a connection has expired."""
    # Without sign-in nothing expires, so the row need not be read.
    if settings.auth() != "none":
        connections.get(request.connection_id)


def _require(user: User | None, action: str, channel: str) -> None:
    """Raise FrameError if a user may not do an action in a channel."""
    if not access.may(user, action, channel):
        raise FrameError(
            "forbidden", f"choose another channel: {action} is not allowed in {channel}"
        )


def _require_member(request: Request, action: str, channel: str) -> Connection:
    """Return the connection of a request.

    Raises:
        FrameError: the user may not do the action, or the connection is not in the channel.
    """
    me = connections.get(request.connection_id)
    _require(me.user, action, channel)
    if channel != LOBBY and channel not in me.channels:
        raise FrameError("not_a_member", f"join {channel} first, then send this again")
    return me

"""The actions: each function here is one, and its decorator names its fields.

To add one, write a function that returns the reply, name its fields in the decorator, and switch
it on in .chalice/config.json under WS_ACTIONS.
"""

from itertools import islice
from typing import Any

from chalicelib.delivery.pushes import new_message, publish, publish_presence
from chalicelib.protocol.fields import CHANNEL, DATA, LIMIT, NAME, NONCE, SINCE
from chalicelib.protocol.frames import Frame, FrameError
from chalicelib.protocol.router import Request, Router
from chalicelib.storage import connections
from chalicelib.storage import history as stored
from chalicelib.storage.channels import count_members, members
from chalicelib.storage.rows import LOBBY, Connection

router = Router()

MAX_MEMBERS_LISTED = 100
MAX_CHANNELS_LISTED = 100

# A new name is announced in one channel after another, until this many pushes are sent. The members
# of the other channels see it with the next message.
MAX_NAMED_PUSHES = 200

# The default number of messages in a page of history.
PAGE_SIZE = 50


@router.action(data=DATA)
def echo(request: Request, *, data: Any) -> Frame:
    return {"type": "echo", "data": data}


@router.action(name=NAME)
def name(request: Request, *, name: str) -> Frame:
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
) -> Frame:
    me = connections.get(request.connection_id)
    if channel != LOBBY:
        connections.join(me, channel)
        if channel not in me.channels:
            publish_presence(channel, "joined", me, request.invocation)
    reply = {"type": "joined", "channel": channel}
    if since is None and limit is None:
        return reply
    # The history is read after the join: later messages arrive as pushes.
    start = since and stored.overlap_start(since)
    return {**reply, **stored.page(channel, start, limit or PAGE_SIZE)}


@router.action(channel=CHANNEL)
def leave(request: Request, *, channel: str) -> Frame:
    if channel == LOBBY:
        raise FrameError("bad_field", "name another channel: the lobby cannot be left", "channel")
    me = connections.get(request.connection_id)
    if channel in me.channels:
        connections.leave(me, channel)
        publish_presence(channel, "left", me, request.invocation)
    return {"type": "left", "channel": channel}


@router.action(channel=CHANNEL, data=DATA, nonce=NONCE)
def broadcast(
    request: Request, *, channel: str = LOBBY, data: Any, nonce: str | None = None
) -> Frame:
    me = _require_member(request, channel)
    push = new_message(channel, data, sender=me)
    if nonce is not None:
        # The sender recognizes its own message by it, also one that it sent twice.
        push["nonce"] = nonce
    publish(push, request.invocation)
    return {"type": "sent", "channel": channel, "message_id": push["message_id"]}


@router.action(channel=CHANNEL, since=SINCE, limit=LIMIT)
def history(
    request: Request, *, channel: str, since: str | None = None, limit: int = PAGE_SIZE
) -> Frame:
    _require_member(request, channel)
    return {"type": "history", "channel": channel, **stored.page(channel, since, limit)}


@router.action(channel=CHANNEL)
def who(request: Request, *, channel: str) -> Frame:
    found = members(channel, page_size=MAX_MEMBERS_LISTED + 1)
    ids = list(islice(found, MAX_MEMBERS_LISTED + 1))
    rows = connections.get_many(ids[:MAX_MEMBERS_LISTED], request.invocation.deadline)
    listed = [each.member for each in rows]
    more = len(ids) > MAX_MEMBERS_LISTED
    return {
        "type": "members",
        "channel": channel,
        "members": listed,
        "more": more,
        "you": request.connection_id,
    }


@router.action()
def channels(request: Request) -> Frame:
    counts = count_members(request.invocation.deadline)
    largest = sorted(counts.items(), key=lambda count: (-count[1], count[0]))
    rows = [{"channel": channel, "members": n} for channel, n in largest[:MAX_CHANNELS_LISTED]]
    return {"type": "channels", "channels": rows, "more": len(largest) > MAX_CHANNELS_LISTED}


@router.action()
def help(request: Request) -> Frame:
    actions = router.enabled().items()
    fields = {
        name: {each: field.description for each, field in action.fields.items()}
        for name, action in actions
    }
    return {"type": "help", "actions": fields}


def _require_member(request: Request, channel: str) -> Connection:
    """Return the connection of a request; raise FrameError if it is not in the channel."""
    me = connections.get(request.connection_id)
    if channel != LOBBY and channel not in me.channels:
        raise FrameError("not_a_member", f"join {channel} first, then send this again")
    return me

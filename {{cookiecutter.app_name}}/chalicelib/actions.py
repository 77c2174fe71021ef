"""What a client may ask for: each function here is an action, its fields beside it.

To add one, write a function that returns the reply, name its fields in the decorator, and
switch it on in .chalice/config.json, under WS_ACTIONS.
"""

from itertools import islice
from typing import Any

from chalicelib.delivery.publish import message, presence, publish
from chalicelib.protocol.fields import CHANNEL, CLIENT_ID, DATA, LIMIT, NAME, SINCE
from chalicelib.protocol.frames import Frame, FrameError
from chalicelib.protocol.router import Request, Router
from chalicelib.storage import connections
from chalicelib.storage import history as kept
from chalicelib.storage.connections import LOBBY

router = Router()

# Each channel of a connection is a row to delete, and members to tell, when it ends.
MAX_CHANNELS = 50

# Messages in a page of history, where the request has no limit.
PAGE = 50


@router.action(data=DATA)
def echo(request: Request, *, data: Any) -> Frame:
    return {"type": "echo", "data": data}


@router.action(name=NAME)
def name(request: Request, *, name: str) -> Frame:
    me = connections.rename(request.connection_id, name)
    for channel in me.channels:
        presence(channel, "named", me, request.deadline, request.endpoint)
    return {"type": "named", "name": name}


@router.action(channel=CHANNEL, since=SINCE, limit=LIMIT)
def join(
    request: Request, *, channel: str, since: str | None = None, limit: int | None = None
) -> Frame:
    me = connections.get(request.connection_id)
    if channel != LOBBY:
        if channel not in me.channels and len(me.channels) >= MAX_CHANNELS:
            problem = f"leave another channel first: {MAX_CHANNELS} are the most"
            raise FrameError("bad_field", problem, "channel")
        connections.join(me, channel)
        if channel not in me.channels:
            presence(channel, "joined", me, request.deadline, request.endpoint)
    reply = {"type": "joined", "channel": channel}
    if since is None and limit is None:
        return reply
    # Read only now, as a member: what is sent from here on comes as a push.
    start = since and kept.overlapping(since)
    return {**reply, **kept.page(channel, start, limit or PAGE)}


@router.action(channel=CHANNEL)
def leave(request: Request, *, channel: str) -> Frame:
    if channel == LOBBY:
        raise FrameError("bad_field", "name another channel: the lobby cannot be left", "channel")
    me = connections.get(request.connection_id)
    if channel in me.channels:
        connections.leave(me, channel)
        presence(channel, "left", me, request.deadline, request.endpoint)
    return {"type": "left", "channel": channel}


@router.action(channel=CHANNEL, data=DATA, client_id=CLIENT_ID)
def broadcast(
    request: Request, *, channel: str = LOBBY, data: Any, client_id: str | None = None
) -> Frame:
    me = _member(request, channel)
    push = message(channel, data, sender=me)
    if client_id is not None:  # lets the sender tell its own message, sent again or not
        push["client_id"] = client_id
        if request.id is not None:
            push["ref"] = request.id
    publish(push, request.deadline, request.endpoint)
    return {"type": "sent", "channel": channel, "message_id": push["message_id"]}


@router.action(channel=CHANNEL, since=SINCE, limit=LIMIT)
def history(
    request: Request, *, channel: str, since: str | None = None, limit: int = PAGE
) -> Frame:
    _member(request, channel)
    return {"type": "history", "channel": channel, **kept.page(channel, since, limit)}


@router.action(channel=CHANNEL)
def who(request: Request, *, channel: str) -> Frame:
    ids = list(islice(connections.members(channel, page=101), 101))
    members = [home.member for home in connections.homes(ids[:100])]
    return {"type": "members", "channel": channel, "members": members, "more": len(ids) > 100}


@router.action()
def channels(request: Request) -> Frame:
    counts = connections.tally()
    largest = sorted(counts.items(), key=lambda count: (-count[1], count[0]))
    rows = [{"channel": channel, "members": n} for channel, n in largest[:100]]
    return {"type": "channels", "channels": rows, "more": len(largest) > 100}


@router.action()
def help(request: Request) -> Frame:
    actions = router.enabled().items()
    fields = {
        name: {f: field.what for f, field in action.fields.items()} for name, action in actions
    }
    return {"type": "help", "actions": fields}


def _member(request: Request, channel: str) -> connections.Connection:
    # Who asks, if a member of the channel, as everybody is of the lobby.
    me = connections.get(request.connection_id)
    if channel != LOBBY and channel not in me.channels:
        raise FrameError("not_a_member", f"join {channel} first, then send this again")
    return me

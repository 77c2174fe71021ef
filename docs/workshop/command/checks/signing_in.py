"""The checks of lesson 10: tokens, and private channels."""

import json
import secrets
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from ..running import ANSWER_SECONDS, App, Missing, Refused
from .channels import join


def refuse_strangers(app: App) -> None:
    """A client without a valid token may not connect."""
    own = token(app, "ann")
    with app.client(token=own):
        # Only an app that lets ann in can refuse the others.
        pass
    forged = own[:-8] + ("a" if own[-8] != "a" else "b") + own[-7:]
    for name, each in (("no token", None), ("a token with another signature", forged)):
        try:
            with app.client(token=each):
                pass
        except Refused as refused:
            if refused.status in (401, 403):
                continue
        raise Missing(f"return status 401 from connect for {name}")


def name_users(app: App) -> None:
    """A message names the user of the token."""
    channel, user = f"check-{secrets.token_hex(4)}", f"user-{secrets.token_hex(4)}"
    with app.client(token=token(app, user)) as ann:
        join(ann, channel)
        ann.send({"action": "broadcast", "channel": channel, "data": "who am I", "from": "eve"})
        push = ann.frame("send to the channel", "message", "who am I")
        if push.get("from") != user:
            raise Missing(f'put the user of the token under "from" (got {push}, not {user})')


def keep_channels_private(app: App) -> None:
    """A channel with @ and a user's name is for that user alone."""
    ann, eve = (f"user-{secrets.token_hex(4)}" for _ in range(2))
    with app.client(token=token(app, ann)) as client:
        join(client, f"@{ann}")
    with app.client(token=token(app, eve)) as client:
        for action in ("join", "broadcast"):
            hint = f"reply with an error to {action} in the channel of another user"
            client.request(hint, "error", action=action, channel=f"@{ann}", data=1)


def token(app: App, user: str) -> str:
    """Return a token of the local gateway; raises Missing."""
    host = app.url.partition("://")[2].partition("/")[0]
    body = json.dumps({"user": user}).encode()
    # A proxy cannot reach this machine.
    opener = build_opener(ProxyHandler({}))
    try:
        request = Request(f"http://{host}/issuer/token", body)
        with opener.open(request, timeout=ANSWER_SECONDS) as response:
            return str(json.load(response)["token"])
    except HTTPError as error:
        hint = 'set "AUTH": "jwt" under environment_variables in .chalice/config.json'
        raise Missing(f"{hint} (got {error})") from None
    except (OSError, ValueError, KeyError) as error:
        raise Missing(f"use the local gateway, which issues tokens (got {error})") from None

"""Print a token of the running local gateway, with which a client signs in."""

import argparse
import json
import sys
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

from chalice_ws.local.issuer.tokens import TOKEN_PATH
from chalice_ws.project.options import add_port

TIMEOUT_SECONDS = 30


def main(arguments: list[str], prog: str) -> int:
    """Print a token; return the exit status."""
    parser = argparse.ArgumentParser(prog, description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("--user", required=True, help="the user's id, the token's sub")
    add("--name", help="the display name (default: the id)")
    add_port(parser)
    options = parser.parse_args(arguments)
    url = f"http://127.0.0.1:{options.port}"
    claims = {"name": options.name} if options.name else {}
    body = json.dumps({"user": options.user, "claims": claims}).encode()
    # A proxy cannot reach this machine's own address.
    opener = build_opener(ProxyHandler({}))
    try:
        with opener.open(Request(f"{url}{TOKEN_PATH}", body), timeout=TIMEOUT_SECONDS) as response:
            print(json.load(response)["token"])
    except HTTPError as error:
        print(f"error: {_message(error)}", file=sys.stderr)
    except (OSError, ValueError, KeyError) as error:
        reason = getattr(error, "reason", error)
        problem = f"no local gateway answers at {url} (got {reason})"
        use = "start it (make run, or chalice-ws local), or use its port"
        print(f"error: {problem}; {use}", file=sys.stderr)
    else:
        return 0
    return 1


def _message(error: HTTPError) -> str:
    try:
        return str(json.loads(error.read())["message"])
    except (KeyError, TypeError, ValueError):
        return f"what answers is not the local gateway (got {error}); use its PORT"

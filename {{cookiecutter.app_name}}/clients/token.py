"""The claims of a token that a client reads. Only the server verifies them."""

import base64
import json
import math
import time
from typing import Any


def claims(token: str | None) -> dict[str, Any]:
    """Return the claims of a JSON Web Token; none if it is not one. They are not verified."""
    try:
        payload = (token or "").split(".")[1]
        found = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def seconds_left(token: str | None) -> float:
    """Return the seconds until a token ends; infinity if it does not tell."""
    exp, iat = claims(token).get("exp"), claims(token).get("iat")
    if not isinstance(exp, int | float):
        return math.inf
    left = exp - time.time()
    if left <= 0 and isinstance(iat, int | float):
        # The server has accepted the token: the clock of this machine is wrong.
        left = exp - iat
    return left if left > 0 else math.inf

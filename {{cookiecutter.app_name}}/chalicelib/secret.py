"""Secrets of the app: parameters of SSM with names such as /STACK/webhook, decrypted."""

import time

from chalicelib import settings
from chalicelib.aws import client_config, session

# The owner may change a secret at any time. A read of SSM takes milliseconds, and costs nothing.
MAX_AGE_SECONDS = 300

# The value of each secret, and when it was read, in seconds of time.monotonic().
_values: dict[str, tuple[str, float]] = {}


def secret(name: str) -> str:
    """Return the value of the parameter /STACK/`name`; STACK is APP-STAGE.

    Raises:
        botocore.exceptions.ClientError: the parameter does not exist, or the function's policy
            does not allow ssm:GetParameter.
    """
    value, read_at = _values.get(name, ("", 0.0))
    if not value or time.monotonic() - read_at > MAX_AGE_SECONDS:
        value = read_parameter(f"/{settings.stack()}/{name}")
        _values[name] = value, time.monotonic()
    return value


def read_parameter(name: str) -> str:
    """Read the value of a parameter of SSM, decrypted; raises as `secret`."""
    client = session.client("ssm", config=client_config())
    return str(client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])


def forget() -> None:
    """Read all secrets again when they are needed."""
    _values.clear()

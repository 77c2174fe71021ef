"""The AWS settings of this machine, of which commands that make no call to AWS need none."""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, NoCredentialsError
from botocore.session import Session

# boto3 finds no profile and no credentials with them, and asks for none.
NO_SETTINGS = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def without_settings() -> dict[str, str]:
    """Return the environment without this machine's AWS settings, but for the region."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    region = os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION")
    # The region may be that of a profile.
    with suppress(BotoCoreError):
        region = region or Session().get_config_variable("region")
    return {**own, **NO_SETTINGS, **({"AWS_DEFAULT_REGION": region} if region else {})}


def hide_wrong_settings() -> None:
    """Remove a profile that does not exist, and files that boto3 cannot read, from the environment.

    Else each session that an app makes would raise an error.
    """
    try:
        profiles = Session().available_profiles
    except BotoCoreError:
        os.environ.update(NO_SETTINGS)
        profiles = []
    if os.environ.get("AWS_PROFILE") not in profiles:
        os.environ.pop("AWS_PROFILE", None)


class DeferredCredentials:
    """Credentials that are looked up when a request is signed. boto3 does it with each client.

    The lookup may start a program that waits for the user, the `credential_process` of a profile.
    """

    # A client asks where they are from.
    method = "deferred"

    def __init__(self, session: Session) -> None:
        self._find = partial(_get_credentials, session)

    def get_deferred_property(self, name: str) -> Callable[[], Any]:
        """Return a function that returns an attribute. A client of DynamoDB asks for it."""
        return lambda: getattr(self, name)

    def __getattr__(self, name: str) -> Any:
        found = self._find()
        if found is None:
            raise NoCredentialsError
        return getattr(found, name)


_get_credentials = Session.get_credentials


def defer_credentials() -> None:
    """Let the sessions of this process look up credentials for a request, not for a client."""

    def get_credentials(session: Session) -> DeferredCredentials:
        return DeferredCredentials(session)

    Session.get_credentials = get_credentials

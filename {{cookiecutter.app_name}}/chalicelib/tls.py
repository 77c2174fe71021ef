"""TLS as a client of many connections to one host needs it."""

import os
import ssl
from functools import cache
from pathlib import Path
from typing import Any

import botocore


class Context(ssl.SSLContext):
    """Shows a host the session of a connection before, which halves the CPU of a handshake.

    asyncio has no argument for it, and makes its TLS with the context's public `wrap_bio`.
    """

    def __init__(self, *_: Any) -> None:
        self._sessions: dict[str, ssl.SSLSession] = {}

    def remember(self, connection: ssl.SSLObject) -> None:
        """Keep the session of a connection that has been answered: by then it is complete."""
        host = connection.server_hostname
        # To get it takes as long as half a handshake: not where the kept one is still accepted.
        if host and not connection.session_reused and (session := connection.session):
            self._sessions[host] = session

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> ssl.SSLObject:
        """As ssl.SSLContext's."""
        session = session or self._sessions.get(str(server_hostname))
        return super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)


@cache
def trust() -> Context:
    """Whom boto3 trusts, AWS_CA_BUNDLE included."""
    bundle = os.environ.get("AWS_CA_BUNDLE") or Path(botocore.__file__).parent / "cacert.pem"
    context = Context(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(bundle)
    return context

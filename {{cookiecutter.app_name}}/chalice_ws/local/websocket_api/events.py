"""The events that API Gateway sends to a function, with each of their fields.

The source is https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html
and recorded traffic. A field without a value is left out, never null.
"""

import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]
Pairs = Iterable[tuple[str, str]]

# The API's id. Apps may build an endpoint from it, and log that.
API_ID = "local"


def new_id() -> str:
    """Return a new connection, request or message id: 11 random bytes in base64."""
    return urlsafe_b64encode(secrets.token_bytes(11)).decode()


def now_ms() -> int:
    """Return the time in ms since the epoch."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Peer:
    """The client of a connection, and its events.

    Args:
        stage: the API's stage, which is the first part of the path.
        domain_name: the host that the client connected to.
        source_ip: the client's address.
        user_agent: the client's User-Agent header; None: it sent none.
    """

    stage: str
    domain_name: str
    source_ip: str = "127.0.0.1"
    user_agent: str | None = None
    # The context from the API's authorizer; empty: the API has none.
    authorizer: dict[str, str] = field(default_factory=dict)
    connection_id: str = field(default_factory=new_id)
    connected_at: int = field(default_factory=now_ms)

    @property
    def identity(self) -> dict[str, str]:
        """The address and user agent, as in API Gateway's events."""
        agent = {"userAgent": self.user_agent} if self.user_agent else {}
        return {**agent, "sourceIp": self.source_ip}

    def connect(self, headers: Pairs = (), query: Pairs = ()) -> Event:
        """Return the event of the handshake, the only one with the client's headers and query."""
        return {
            **multi_values("headers", "multiValueHeaders", headers),
            **multi_values("queryStringParameters", "multiValueQueryStringParameters", query),
            **self._event("$connect", "CONNECT"),
        }

    def message(self, body: str) -> Event:
        """Return the event of a text message. Chalice routes every message to $default."""
        return {**self._event("$default", "MESSAGE", messageId=new_id()), "body": body}

    def disconnect(self, code: int, reason: str) -> Event:
        """Return the event of the connection's end, with its close code and reason."""
        headers = [("Host", self.domain_name), ("x-api-key", "")]
        headers += [("X-Forwarded-For", ""), ("x-restapi", "")]
        status = {"disconnectStatusCode": code, "disconnectReason": reason}
        return {
            **multi_values("headers", "multiValueHeaders", headers),
            **self._event("$disconnect", "DISCONNECT", **status),
        }

    def _event(self, route: str, event_type: str, **more: Any) -> Event:
        request_id, now = new_id(), now_ms()
        context = {
            "routeKey": route,
            "eventType": event_type,
            "extendedRequestId": request_id,
            "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now / 1000)),
            "messageDirection": "IN",
            "stage": self.stage,
            "connectedAt": self.connected_at,
            "requestTimeEpoch": now,
            "identity": self.identity,
            "requestId": request_id,
            "domainName": self.domain_name,
            "connectionId": self.connection_id,
            "apiId": API_ID,
            **({"authorizer": dict(self.authorizer)} if self.authorizer else {}),
            **more,
        }
        return {"requestContext": context, "isBase64Encoded": False}


def multi_values(one: str, many: str, pairs: Pairs) -> Event:
    """Return the field `one` with the last value of each name, and `many` with all values."""
    lists: dict[str, list[str]] = {}
    for name, value in pairs:
        lists.setdefault(name, []).append(value)
    return {one: {name: values[-1] for name, values in lists.items()}, many: lists} if lists else {}

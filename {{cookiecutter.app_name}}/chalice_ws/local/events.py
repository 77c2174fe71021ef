"""The events that API Gateway sends to a function, field for field.

Shapes: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html
and recorded traffic: a field without a value is left out, never null.
"""

import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]
Pairs = Iterable[tuple[str, str]]

# One API, as the id in the endpoints that apps build from it shows in logs.
API_ID = "local"


def new_id() -> str:
    """An id as connections, requests and messages have: 16 characters, 11 bytes in base64."""
    return urlsafe_b64encode(secrets.token_bytes(11)).decode()


def now_ms() -> int:
    """Now, in ms since the epoch."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True)
class Peer:
    """One connection, and the events that come of it.

    Args:
        stage: the API's stage, the first part of the path.
        domain_name: the host that the client connected to.
        source_ip: the client's address.
        user_agent: None if the client named none.
    """

    stage: str
    domain_name: str
    source_ip: str = "127.0.0.1"
    user_agent: str | None = None
    connection_id: str = field(default_factory=new_id)
    connected_at: int = field(default_factory=now_ms)

    @property
    def identity(self) -> dict[str, str]:
        """Who the client is, as far as API Gateway knows."""
        agent = {"userAgent": self.user_agent} if self.user_agent else {}
        return {**agent, "sourceIp": self.source_ip}

    def connect(self, headers: Pairs = (), query: Pairs = ()) -> Event:
        """The event of the handshake; it alone has the client's headers and query string."""
        return {
            **_multi("headers", "multiValueHeaders", headers),
            **_multi("queryStringParameters", "multiValueQueryStringParameters", query),
            **self._event("$connect", "CONNECT"),
        }

    def message(self, body: str) -> Event:
        """The event of a text message. Chalice has no routes but $default."""
        return {**self._event("$default", "MESSAGE", messageId=new_id()), "body": body}

    def disconnect(self, code: int, reason: str) -> Event:
        """The event of the end."""
        headers = [("Host", self.domain_name), ("x-api-key", "")]
        headers += [("X-Forwarded-For", ""), ("x-restapi", "")]
        status = {"disconnectStatusCode": code, "disconnectReason": reason}
        return {
            **_multi("headers", "multiValueHeaders", headers),
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
            **more,
        }
        return {"requestContext": context, "isBase64Encoded": False}


def _multi(one: str, many: str, pairs: Pairs) -> Event:
    # Under the first name the last value of each, under the second all of them.
    lists: dict[str, list[str]] = {}
    for name, value in pairs:
        lists.setdefault(name, []).append(value)
    return {one: {name: values[-1] for name, values in lists.items()}, many: lists} if lists else {}

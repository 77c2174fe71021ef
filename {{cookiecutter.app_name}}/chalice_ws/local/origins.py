"""The check of Host and Origin, which keeps web pages away from what listens on this machine.

A browser sends requests for every page that the developer visits. Origin names the page's
server. Where a page's name leads to 127.0.0.1 (DNS rebinding), Host has that name.
"""

import ipaddress
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import urlsplit

DEFAULT_PORTS = {"http": 80, "https": 443}

_HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^][:@/?#\s]+)(:\d+)?")


class Origins:
    """The hosts and origins that are allowed. Loopback hosts and a host's own pages always are.

    Args:
        host: the host that the server listens on.
        origins: the origins of other pages. Their hosts are allowed too, for a proxy in front.
    """

    def __init__(self, host: str = "localhost", origins: Iterable[str] = ()) -> None:
        self._origins = {origin.lower() for origin in origins}
        self._hosts = {host.lower(), *(urlsplit(each).hostname for each in self._origins)}
        # DNS rebinding needs a name, so every address is safe.
        self._is_any_address_allowed = host in ("0.0.0.0", "::")

    def problem(self, host: str | None, origin: str | None) -> str | None:
        """Return the reason to refuse a request with these headers, or None."""
        host, origin = (host or "").lower(), origin and origin.lower()
        if not self._is_host_allowed(host):
            return f"the host is not allowed (got {host!r}); use 127.0.0.1 or --allow-origin"
        # A page of this server. Origin and Host may name this machine differently.
        if not origin or _is_same_server(origin, host):
            return None
        if origin in self._origins:
            return None
        return f"the origin is not allowed (got {origin!r}); use --allow-origin"

    def may_return_to(self, address: str) -> bool:
        """Return whether a sign-in may end at an address: on this machine, or an allowed origin."""
        try:
            parts = urlsplit(address)
            # Reading it raises ValueError if it is no number.
            _ = parts.port
        except ValueError:
            return False
        # A browser reads a backslash as a slash, which ends the host.
        if parts.scheme not in DEFAULT_PORTS or parts.fragment or {"@", "\\"} & {*address}:
            return False
        return (
            _is_loopback(parts.hostname or "")
            or f"{parts.scheme}://{parts.netloc}".lower() in self._origins
        )

    def _is_host_allowed(self, host: str) -> bool:
        match = _HOST.fullmatch(host)
        if not match:
            return False
        name = match[1].strip("[]").rstrip(".")
        if name in self._hosts or _is_loopback(name):
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return self._is_any_address_allowed


def _is_same_server(origin: str, host: str) -> bool:
    if origin in (f"http://{host}", f"https://{host}"):
        return True
    try:
        page, server = urlsplit(origin), urlsplit(f"http://{host}")
        ports = page.port or DEFAULT_PORTS.get(page.scheme), server.port or DEFAULT_PORTS["http"]
    except ValueError:
        return False
    names = (page.hostname or "", server.hostname or "")
    return ports[0] == ports[1] and all(map(_is_loopback, names))


@lru_cache
def _is_loopback(name: str) -> bool:
    name = name.rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False

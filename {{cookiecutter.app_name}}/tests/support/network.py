"""The network of the tests: this machine alone."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any

import pytest

# A proxy on this machine would lead elsewhere.
PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def _is_here(host: Any) -> bool:
    name = host.decode() if isinstance(host, bytes) else host
    # None is any address of this machine, for a server.
    if name is None or str(name).lower() in ("", "localhost"):
        return True
    try:
        address = ip_address(str(name).partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)


def _refuse(host: Any, port: Any) -> None:
    if not _is_here(host):
        what = f"the tests connect to no other machine (got {host}:{port})"
        raise RuntimeError(f"{what}; replace the call, as docs/recipes/secret.md does")


def _checked(connect: Callable[..., Any]) -> Callable[..., Any]:
    def checked(self: socket.socket, address: Any) -> Any:
        # The address of a Unix socket is a path.
        if isinstance(address, tuple) and len(address) >= 2:
            _refuse(*address[:2])
        return connect(self, address)

    return checked


@contextmanager
def this_machine_only() -> Iterator[None]:
    """Refuse the connections of this process to other machines, and the look-up of their names."""
    resolve = socket.getaddrinfo

    def checked_resolve(host: Any, port: Any, *args: Any, **options: Any) -> Any:
        _refuse(host, port)
        return resolve(host, port, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        for name in PROXIES:
            patch.delenv(name, raising=False)
            patch.delenv(name.upper(), raising=False)
        patch.setattr(socket, "getaddrinfo", checked_resolve)
        for method in ("connect", "connect_ex"):
            patch.setattr(socket.socket, method, _checked(getattr(socket.socket, method)))
        yield

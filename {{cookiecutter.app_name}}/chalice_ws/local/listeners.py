"""The sockets that the gateway listens on."""

import errno
import socket

from chalice_ws.project.config import AppError

# Clients that resolve "localhost" take one of them, or try both.
LOOPBACK = ["127.0.0.1", "::1"]

# The errors of a machine without IPv6.
NO_ADDRESS = {errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT, errno.EPROTONOSUPPORT}

# The options with which TCP notices, within two minutes, that a client has vanished. Not every
# system has each of them.
KEEPALIVE = {
    "TCP_KEEPIDLE": 60,
    "TCP_KEEPINTVL": 15,
    "TCP_KEEPCNT": 4,
    # For data that the client does not confirm, in ms.
    "TCP_USER_TIMEOUT": 120_000,
}

# The maximum of attempts to find a port that is free on both addresses.
MAX_ATTEMPTS = 20


def listen(host: str, port: int) -> list[socket.socket]:
    """Return sockets that listen on a port.

    Args:
        host: the address; localhost: both 127.0.0.1 and ::1.
        port: the port; 0: any that is free.

    Raises:
        AppError: the port is in use, or the address is not of this machine.
    """
    if host != "localhost":
        return [_bind(host, port)]
    for _ in range(MAX_ATTEMPTS - 1):
        try:
            return _bind_loopback(port)
        except AppError:
            if port:
                raise
    return _bind_loopback(port)


def local_address(host: str, port: int) -> str:
    """Return the host and the port for clients on this machine."""
    name = {"localhost": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def _bind_loopback(port: int) -> list[socket.socket]:
    first = _bind(LOOPBACK[0], port)
    try:
        return [first, _bind(LOOPBACK[1], first.getsockname()[1])]
    except AppError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno in NO_ADDRESS:
            return [first]
        first.close()
        raise


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=1024)
    except (OSError, OverflowError) as problem:
        text = f"cannot listen on {host}:{port} ({problem}); use another --port"
        raise AppError(text) from problem
    # The sockets of the clients inherit them.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in KEEPALIVE.items():
        if hasattr(socket, name):
            listener.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return listener

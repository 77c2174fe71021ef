"""A client of this app's protocol, for bots, jobs, devices and tests. README.md shows its use."""

from clients.client import LOBBY, Client
from clients.errors import ClientError, Closed, Offline, Refused, RequestError, SignedOut
from clients.events import Events
from clients.timing import Timing

__all__ = [
    "LOBBY",
    "Client",
    "ClientError",
    "Closed",
    "Events",
    "Offline",
    "Refused",
    "RequestError",
    "SignedOut",
    "Timing",
]

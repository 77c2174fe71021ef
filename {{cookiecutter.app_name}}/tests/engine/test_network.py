"""The tests connect to no other machine."""

import socket
from urllib.request import urlopen

import pytest


@pytest.mark.parametrize(
    "address", ["https://api.example.com/pay", "http://192.0.2.1:8080/", "http://[2001:db8::1]/"]
)
def test_request_to_another_machine_is_refused(address: str) -> None:
    with pytest.raises(RuntimeError, match=r"connect to no other machine \(got .+:\d+\); replace"):
        urlopen(address)


def test_connection_to_an_address_is_refused() -> None:
    with socket.socket() as connection, pytest.raises(RuntimeError, match=r"got 192\.0\.2\.1:443"):
        connection.connect_ex(("192.0.2.1", 443))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_connection_to_this_machine_is_made(host: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        socket.create_connection((host, server.getsockname()[1])).close()

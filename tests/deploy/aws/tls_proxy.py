"""A proxy that leads an https host to the simulated AWS, with a certificate for that host."""

import ssl
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit

from tests.certificates import make_certificate


class TlsProxy:
    """The proxy, as a context manager.

    Args:
        host: the host that clients connect to. Others are refused.
        aws: the endpoint that gets their requests, with the host's name.
        folder: the folder for the certificate.
    """

    def __init__(self, host: str, aws: str, folder: Path) -> None:
        self._certificate = make_certificate(folder, host)
        self.paths: list[str] = []
        handler = _handler(self, host, aws, self._certificate.context())
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables of a process that uses the proxy."""
        return {
            "HTTPS_PROXY": f"http://127.0.0.1:{self._server.server_port}",
            "SSL_CERT_FILE": str(self._certificate.authority),
        }

    def __enter__(self) -> "TlsProxy":
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(
    proxy: TlsProxy, host: str, aws: str, context: ssl.SSLContext
) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            if self.path != f"{host}:443":
                self.send_error(403)
                return
            self.send_response(200)
            self.end_headers()
            # The next request comes over TLS.
            self.connection = context.wrap_socket(self.connection, server_side=True)
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb")
            self.handle_one_request()
            self.wfile.flush()
            self.connection.close()

        def do_GET(self) -> None:
            proxy.paths.append(self.path)
            connection = HTTPConnection(urlsplit(aws).netloc)
            connection.request("GET", self.path, headers={"Host": host})
            answer = connection.getresponse()
            # The simulated AWS does not know that the client uses TLS.
            body = answer.read().replace(f"http://{host}".encode(), f"https://{host}".encode())
            connection.close()
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    return Handler

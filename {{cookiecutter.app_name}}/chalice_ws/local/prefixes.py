"""The path prefixes of proxies, such as /proxy/8000/ of JupyterHub, SageMaker and code-server.

Some proxies remove the prefix before they pass a request on, and others leave it. The gateway
removes it where it was left, so that its parts see the same paths behind each proxy.
"""

import re
from typing import Any

from aiohttp import web

from chalice_ws.local.refusals import Check

# Such as /user/ann/proxy/absolute/8000, /absproxy/8000 and /codeeditor/default/absports/8000.
_PREFIX = re.compile(r"(/.*?)??/((abs)?proxy|proxy/absolute|(abs)?ports)/\d+")


def remove_prefixes(server: web.Server, stage: str) -> None:
    """Remove the prefix from the path of each request that a server gets from now on.

    Args:
        server: the server.
        stage: the API's stage. A path that begins with it has no prefix.
    """
    make_request = server.request_factory
    is_stage = re.compile(rf"/{re.escape(stage)}(/|$)").match

    def make(*arguments: Any) -> web.BaseRequest:
        request = make_request(*arguments)
        url = request.rel_url
        path = url.raw_path if is_stage(url.raw_path) else _without_prefix(url.raw_path)
        if path == url.raw_path:
            return request
        return request.clone(rel_url=url.with_path(path, encoded=True, keep_query=True))

    server.request_factory = make


def _without_prefix(path: str) -> str:
    found = _PREFIX.match(path)
    rest = path[found.end() :] if found else path
    return rest if rest.startswith("/") else path


def add_slash(stage: str) -> Check:
    """Return a check that redirects /proxy/8000 to /proxy/8000/.

    The addresses in the page are relative, and need the slash.

    Args:
        stage: the API's stage. A path that begins with it is a route of the app.
    """

    def check(request: web.Request) -> None:
        if not request.path.startswith(f"/{stage}/") and _PREFIX.fullmatch(request.path):
            raise web.HTTPFound(request.path.rpartition("/")[2] + "/")

    return check

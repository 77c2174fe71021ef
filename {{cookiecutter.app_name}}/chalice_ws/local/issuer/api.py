"""The HTTP API of the local issuer: discovery, keys, and a token for anyone who asks."""

import json
import logging
from pathlib import Path

from aiohttp import web

from chalice_ws.local.functions.runtime import ROUTES
from chalice_ws.local.issuer.tokens import LIFETIME_SECONDS, PATH, Issuer, sign_in_variables
from chalice_ws.project.config import AppError, read_config
from chalice_ws.project.page import SETTINGS, read_page_settings

log = logging.getLogger("chalice_ws")

TOKEN_PATH = f"{PATH}/token"

DOCUMENTS = ("/.well-known/openid-configuration", "/keys")


class IssuerApi:
    """The routes of the issuer.

    Args:
        issuer: the issuer.
        project: the app's folder.
        stage: the stage, whose settings may change while the gateway runs.
    """

    def __init__(self, issuer: Issuer, project: Path, stage: str) -> None:
        self._issuer = issuer
        self._project = project
        self._stage = stage

    def add_to(self, app: web.Application) -> None:
        """Add the routes to an HTTP application."""
        for path in DOCUMENTS:
            app.router.add_get(PATH + path, self._handle_document)
        app.router.add_post(TOKEN_PATH, self._handle_token)
        app.router.add_options(TOKEN_PATH, self._handle_preflight)

    def problem(self) -> str | None:
        """Return the reason why the app does not take the issuer's tokens, or None."""
        try:
            variables = self._variables()
        except AppError as error:
            return str(error)
        if sign_in_variables(variables, self._issuer.url):
            return None
        if variables.get("AUTH") == "jwt":
            return f"the app takes tokens of {variables.get('AUTH_ISSUER')}; sign in there"
        got = variables.get("AUTH", "none")
        use = f'set "AUTH": "jwt" in .chalice/config.json, stage {self._stage}'
        return f"sign-in is switched off (got AUTH {got!r}); {use}"

    def page_settings(self) -> dict[str, object]:
        """Return the page's sign-in: this issuer, the one of web/config.json, or none."""
        if self.problem() is None:
            return {"tokens": TOKEN_PATH.removeprefix("/")}
        path = self._project / SETTINGS
        try:
            has_issuer = self._variables().get("AUTH") == "jwt" and path.exists()
            own = read_page_settings(path) if has_issuer else {}
        except AppError as error:
            log.error("%s", error)
            return {}
        return {"sign_in": own["sign_in"]} if "sign_in" in own else {}

    def _variables(self) -> dict[str, str]:
        config = read_config(self._project, self._stage).scope(self._stage, ROUTES["$connect"])
        return dict(config.environment_variables)

    async def _handle_document(self, request: web.Request) -> web.Response:
        return web.json_response(self._issuer.documents()[request.path.removeprefix(PATH)])

    async def _handle_preflight(self, request: web.Request) -> web.Response:
        headers = {"Access-Control-Allow-Headers": "Content-Type"}
        return web.Response(status=204, headers={**_allow_origin(request), **headers})

    async def _handle_token(self, request: web.Request) -> web.Response:
        """Answer {"user", "claims"?} with {"token", "expires_in"}."""
        headers = _allow_origin(request)
        if problem := self.problem():
            return web.json_response({"message": problem}, status=409, headers=headers)
        try:
            wanted = json.loads(await request.read())
        except (ValueError, RecursionError):
            wanted = None
        user = wanted.get("user") if isinstance(wanted, dict) else None
        claims = wanted.get("claims", {}) if isinstance(wanted, dict) else None
        if not (isinstance(user, str) and user and isinstance(claims, dict)):
            problem = 'the body is not valid; send {"user": "ann"}'
            return web.json_response({"message": problem}, status=400, headers=headers)
        answer = {"token": self._issuer.token(user, claims), "expires_in": LIFETIME_SECONDS}
        return web.json_response(answer, headers={**headers, "Cache-Control": "no-store"})


def _allow_origin(request: web.Request) -> dict[str, str]:
    # refuse_other_hosts has refused each origin but the gateway's own and those of --allow-origin.
    origin = request.headers.get("Origin")
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"} if origin else {}

"""The HTTP API of the local issuer: discovery, keys, sign-in, and a token for anyone who asks."""

import json
import logging
from pathlib import Path

from aiohttp import web

from chalice_ws.local.issuer.code_flow import CodeFlow, OAuthError
from chalice_ws.local.issuer.tokens import (
    LIFETIME_SECONDS,
    PATH,
    TOKEN_PATH,
    Issuer,
    sign_in_variables,
)
from chalice_ws.local.origins import Origins
from chalice_ws.project.config import AppError, read_config
from chalice_ws.project.functions import CONNECT
from chalice_ws.project.page import SETTINGS, read_page_settings

log = logging.getLogger("chalice_ws")

AUTHORIZE_PATH = f"{PATH}/authorize"

DOCUMENTS = ("/.well-known/openid-configuration", "/keys")


NO_STORE = {"Cache-Control": "no-store"}

# The form has neither scripts nor styles, and no other site may show it in a frame.
FORM_POLICY = {
    "Content-Security-Policy": "default-src 'none'; img-src data:; frame-ancestors 'none'"
}


class IssuerApi:
    """The routes of the issuer.

    Args:
        issuer: the issuer.
        project: the app's folder.
        stage: the stage, whose settings may change while the gateway runs.
        origins: those of the web pages that may sign in.
    """

    def __init__(self, issuer: Issuer, project: Path, stage: str, origins: Origins) -> None:
        self._issuer = issuer
        self._code_flow = CodeFlow(issuer, origins.may_return_to)
        self._project = project
        self._stage = stage

    def add_to(self, app: web.Application) -> None:
        """Add the routes to an HTTP application."""
        for path in DOCUMENTS:
            app.router.add_get(PATH + path, self._handle_document)
        app.router.add_get(AUTHORIZE_PATH, self._handle_authorize)
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
        config = read_config(self._project, self._stage).scope(self._stage, CONNECT)
        return dict(config.environment_variables)

    async def _handle_document(self, request: web.Request) -> web.Response:
        document = self._issuer.documents()[request.path.removeprefix(PATH)]
        return web.json_response(document, headers=_allow_origin(request))

    async def _handle_authorize(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        try:
            if problem := self.problem():
                raise OAuthError("invalid_request", problem)
            self._code_flow.check(query)
        except OAuthError as error:
            return web.json_response({"message": str(error)}, status=400)
        if address := self._code_flow.authorize(query):
            return web.Response(status=302, headers={"Location": address, **NO_STORE})
        form = self._code_flow.form(query)
        return web.Response(
            text=form, content_type="text/html", headers={**NO_STORE, **FORM_POLICY}
        )

    async def _handle_preflight(self, request: web.Request) -> web.Response:
        headers = {"Access-Control-Allow-Headers": "Authorization, Content-Type"}
        return web.Response(status=204, headers={**_allow_origin(request), **headers})

    async def _handle_token(self, request: web.Request) -> web.Response:
        """Answer {"user", "claims"?} with {"token", "expires_in"}, a code with OAuth's answer."""
        headers = {**_allow_origin(request), **NO_STORE}
        if problem := self.problem():
            return web.json_response({"message": problem}, status=409, headers=headers)
        body = await request.text()
        if "grant_type=" in body:
            return self._exchange(body, request.headers.get("Authorization", ""), headers)
        try:
            wanted = json.loads(body)
        except (ValueError, RecursionError):
            wanted = None
        user = wanted.get("user") if isinstance(wanted, dict) else None
        claims = wanted.get("claims", {}) if isinstance(wanted, dict) else None
        if not (isinstance(user, str) and user and isinstance(claims, dict)):
            problem = 'the body is not valid; send {"user": "ann"}'
            return web.json_response({"message": problem}, status=400, headers=headers)
        answer = {"token": self._issuer.sign_in(user, claims), "expires_in": LIFETIME_SECONDS}
        return web.json_response(answer, headers=headers)

    def _exchange(self, body: str, authorization: str, headers: dict[str, str]) -> web.Response:
        """Answer a code of the code flow with tokens."""
        try:
            return web.json_response(self._code_flow.tokens(body, authorization), headers=headers)
        except OAuthError as error:
            answer = {"error": error.code, "error_description": str(error)}
            return web.json_response(answer, status=400, headers=headers)


def _allow_origin(request: web.Request) -> dict[str, str]:
    # refuse_other_hosts has refused each origin but the gateway's own and those of --allow-origin.
    origin = request.headers.get("Origin")
    return {"Access-Control-Allow-Origin": origin, "Vary": "Origin"} if origin else {}

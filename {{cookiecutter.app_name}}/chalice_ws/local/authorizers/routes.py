"""The authorizers of an app's REST routes, with API Gateway's answers to their failures."""

import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from chalice import Chalice
from chalice.app import Authorizer, ChaliceAuthorizer, CognitoUserPoolAuthorizer, RouteEntry
from chalice.local import (
    ForbiddenError,
    InvalidAuthorizerError,
    LambdaContext,
    LocalGatewayAuthorizer,
    LocalGatewayException,
    NotAuthorizedError,
)

from chalice_ws.local.authorizers.policies import is_allowed, stringify
from chalice_ws.local.websocket_api.events import API_ID, multi_values

Event = dict[str, Any]

Variables = Callable[[str], dict[str, str]]


class RouteAuthorizer(LocalGatewayAuthorizer):
    """The authorizers of an app's routes, for one request.

    Args:
        app: the app.
        request: the HTTP request.
        variables: a function that returns the environment variables of an authorizer's function.
    """

    def __init__(self, app: Chalice, request: Event, variables: Variables) -> None:
        super().__init__(app)
        self._variables = variables
        self.problem: str | None = None
        self._request = request
        # The ARN of the method, as the authorizer gets it.
        builder = self._arn_builder
        builder.LOCAL_REGION = os.environ.get("AWS_REGION", builder.LOCAL_REGION)
        builder.LOCAL_API_ID, builder.LOCAL_STAGE = API_ID, request["stage"]

    def authorize(
        self, raw_path: str, lambda_event: Event, lambda_context: LambdaContext
    ) -> tuple[Event, LambdaContext]:
        """Return the event with the authorizer's context; raises LocalGatewayException."""
        route = self._route_for_event(lambda_event)
        if route is not None:
            self._check_api_key(route, lambda_event)
            if self._can_run(route, lambda_event):
                lambda_event = self._run(route, raw_path, lambda_event, lambda_context)
        headers = multi_values("headers", "multiValueHeaders", self._request["headers"])
        return {**lambda_event, **headers}, lambda_context

    def _check_api_key(self, route: RouteEntry, event: Event) -> None:
        if route.api_key_required and not event["headers"].get("x-api-key"):
            self.problem = f"{route.uri_pattern} needs the header x-api-key; here any value will do"
            raise ForbiddenError(error_headers("ForbiddenException"), b'{"message":"Forbidden"}')

    def _can_run(self, route: RouteEntry, event: Event) -> bool:
        if isinstance(route.authorizer, (ChaliceAuthorizer, CognitoUserPoolAuthorizer)):
            return True
        if route.authorizer is not None:
            kind = type(route.authorizer).__name__
            self.problem = f"{route.uri_pattern}: {kind} is not checked on this machine"
        return False

    def _run(self, route: RouteEntry, raw_path: str, event: Event, context: LambdaContext) -> Event:
        token = event["headers"].get(_header(route.authorizer).lower())
        if not token:
            raise _not_authorized()
        if isinstance(route.authorizer, CognitoUserPoolAuthorizer):
            return self._claims(event, token)
        # Chalice's gateway takes the token from this header alone.
        event = {**event, "headers": {**event["headers"], "authorization": token}}
        try:
            # On AWS an authorizer is a function of its own.
            with _environment(self._variables(_name(route.authorizer))):
                event, _ = super().authorize(raw_path, event, context)
            context_fields = event["requestContext"]
            context_fields["authorizer"] = stringify(context_fields["authorizer"])
        except LocalGatewayException:
            raise
        # An authorizer raises Unauthorized to refuse. (AWS) Another error is a fault.
        except Exception as error:
            if str(error) == "Unauthorized":
                raise _not_authorized() from None
            traceback.print_exc()
            self.problem = f"the authorizer failed ({type(error).__name__}: {error})"
            kind = "AuthorizerConfigurationException"
            raise InvalidAuthorizerError(error_headers(kind), b'{"message":null}') from None
        return event

    def _check_can_invoke_view_function(self, arn: str, auth_result: Event) -> bool:
        # Chalice's gateway ignores a Deny, and a resource that is no list.
        return is_allowed(auth_result, arn)

    def _update_lambda_event(self, lambda_event: Event, auth_result: Event) -> Event:
        # The context is optional on AWS.
        return dict(super()._update_lambda_event(lambda_event, {"context": {}, **auth_result}))

    def _claims(self, event: Event, token: str) -> Event:
        # The token is decoded, and not verified: the user pool is in AWS.
        try:
            claims = self._decode_jwt_payload(token.removeprefix("Bearer "))
        except (IndexError, ValueError):
            raise _not_authorized() from None
        if not isinstance(claims, dict):
            raise _not_authorized()
        event["requestContext"]["authorizer"] = {"claims": stringify(claims)}
        return event


@contextmanager
def _environment(variables: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _name(authorizer: Authorizer | None) -> str:
    return authorizer.config.name if isinstance(authorizer, ChaliceAuthorizer) else ""


def _header(authorizer: Authorizer | None) -> str:
    # The header of the token, which an authorizer may name.
    if isinstance(authorizer, ChaliceAuthorizer):
        return authorizer.config.header or "Authorization"
    return str(authorizer.to_swagger()["name"]) if authorizer else "Authorization"


def error_headers(kind: str) -> dict[str, str]:
    """Return the headers of an error that API Gateway makes."""
    return {"Content-Type": "application/json", "x-amzn-ErrorType": kind}


def _not_authorized() -> NotAuthorizedError:
    return NotAuthorizedError(error_headers("UnauthorizedException"), b'{"message":"Unauthorized"}')

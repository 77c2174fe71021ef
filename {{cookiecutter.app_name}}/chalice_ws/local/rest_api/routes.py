"""The app's REST routes behind API Gateway, run by Chalice's own local gateway.

Chalice's gateway matches the routes and calls the authorizers. This adds API Gateway's part of the
event and its answers where Chalice's differ. "AWS" is the developer guide:
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
"""

import base64
import json
import threading
import time
from fnmatch import fnmatchcase
from typing import Any

from chalice import Chalice
from chalice.config import Config
from chalice.local import ForbiddenError, LambdaContext, LocalGateway, LocalGatewayException

from chalice_ws.local.authorizers.routes import RouteAuthorizer, Variables, error_headers
from chalice_ws.local.websocket_api.events import API_ID, new_id
from chalice_ws.project.resources import ACCOUNT

Event = dict[str, Any]

# The key of an HTTP request in the event of the function. Without it the event is API Gateway's.
REQUEST = "chalice_ws.request"

# The key of a line for the terminal in the result of the function.
PROBLEM = "chalice_ws.problem"

# The fields of requestContext.identity that have no value here. A REST API sends them as null.
NO_IDENTITY = [
    *("cognitoIdentityPoolId", "accountId", "cognitoIdentityId", "caller", "principalOrgId"),
    *("accessKey", "cognitoAuthenticationType", "cognitoAuthenticationProvider", "userArn", "user"),
]


class RestApi:
    """The function api_handler: the routes of an app.

    Args:
        app: the app, which has routes.
        config: the settings of the function.
        variables: a function that returns the environment variables of a function, for authorizers.
    """

    def __init__(self, app: Chalice, config: Config, variables: Variables) -> None:
        # With --workers 0 several threads run requests.
        app.__class__ = type(app.__class__.__name__, (_ThreadLocal, app.__class__), {})
        self._app = app
        self._config = config
        self._variables = variables

    def __call__(self, event: Event, context: LambdaContext) -> Event:
        """Answer an HTTP request, or the event that API Gateway would make of one."""
        if REQUEST not in event:
            return dict(self._app(event, context))
        request = event[REQUEST]
        body = base64.b64decode(request["body"])
        headers = {name.lower(): value for name, value in request["headers"]}
        authorizer = RouteAuthorizer(self._app, request, self._variables)
        gateway = _Gateway(self._app, self._config, context, request, authorizer)
        try:
            response = gateway.handle_request(request["method"], request["path"], headers, body)
        except LocalGatewayException as error:
            text = (error.body or b"").decode()
            response = {"statusCode": error.CODE, "headers": error.headers, "body": text}
        problem = gateway.problem
        if response.get("isBase64Encoded"):
            problem = gateway.check_accept(headers.get("accept", ""))
        return {**response, PROBLEM: problem}


class _Gateway(LocalGateway):
    # Chalice's gateway for one request.

    def __init__(
        self,
        app: Chalice,
        config: Config,
        context: LambdaContext,
        request: Event,
        authorizer: RouteAuthorizer,
    ) -> None:
        super().__init__(app, config)
        self._context = context
        self._request = request
        self._authorizer: RouteAuthorizer = authorizer
        self._problem: str | None = None

    @property
    def problem(self) -> str | None:
        """A line for the terminal about this request, or None."""
        return self._problem or self._authorizer.problem

    def check_accept(self, accept: str) -> str | None:
        """Return a problem of a request that gets a binary response, or None."""
        # Chalice looks at each type of the header, API Gateway at the first alone. (AWS)
        first = accept.partition(",")[0].partition(";")[0].strip().lower()
        types = [each.lower() for each in self._app_object.api.binary_types]
        if "*/*" in types or any(fnmatchcase(first, each) for each in types):
            return None
        use = "put a type of app.api.binary_types first"
        return f"AWS would send base64, for the first type of Accept (got {first!r}); {use}"

    def _refuse(self, kind: str, message: str, problem: str) -> ForbiddenError:
        self._problem = problem
        return ForbiddenError(error_headers(kind), json.dumps({"message": message}).encode())

    def _generate_lambda_context(self) -> LambdaContext:
        return self._context

    def _generate_lambda_event(
        self, method: str, path: str, headers: dict[str, str], body: bytes | None
    ) -> Event:
        path, _, query = path.partition("?")
        try:
            event = super()._generate_lambda_event(method, f"{path}?{query}", headers, body)
        except ValueError:
            raise self._no_route(f"no route has the path {path}") from None
        resource = event["requestContext"]["resourcePath"]
        routes = self._app_object.routes[resource]
        cors = next((route.cors for route in routes.values() if route.cors), None)
        # API Gateway answers OPTIONS itself for a route with CORS, and else has no such method.
        if method not in routes and not (method == "OPTIONS" and cors):
            raise self._no_route(f"{resource} has only {', '.join(routes)} (got {method})")
        if not self._is_page_allowed(cors):
            use = "use --allow-origin, or name it in the route's CORSConfig"
            got = f"(got {self._request['origin']!r})"
            problem = f"the page's origin may not call {resource} {got}; {use}"
            raise self._refuse("ForbiddenException", problem, problem)
        return {**event, **self._fields(event, headers, body or b"")}

    def _no_route(self, problem: str) -> ForbiddenError:
        # A path or a method that the API does not have. (seen)
        kind = "MissingAuthenticationTokenException"
        return self._refuse(kind, "Missing Authentication Token", problem)

    def _is_page_allowed(self, cors: Any) -> bool:
        # "*" on AWS is for a public API. Here it stands for the pages of this machine alone.
        page, origin = self._request["page"], self._request["origin"]
        if page is None:
            return True
        allowed = cors.allow_origin if cors else None
        if allowed == "*":
            return bool(page == "local")
        return origin is not None and bool(origin == allowed)

    def _fields(self, event: Event, headers: dict[str, str], body: bytes) -> Event:
        # The fields that Chalice's gateway leaves out or fills in another way.
        query = event["multiValueQueryStringParameters"]
        is_binary = self._is_binary(headers.get("content-type", ""))
        encoded = base64.b64encode(body).decode() if is_binary else body.decode(errors="replace")
        path = self._request["path"].partition("?")[0]
        return {
            "resource": event["requestContext"]["resourcePath"],
            "path": path,
            "httpMethod": event["requestContext"]["httpMethod"],
            "queryStringParameters": query and {name: each[-1] for name, each in query.items()},
            "pathParameters": event["pathParameters"] or None,
            "stageVariables": None,
            "requestContext": {**event["requestContext"], **self._context_fields(path, headers)},
            "body": encoded or None,
            "isBase64Encoded": is_binary and bool(body),
        }

    def _context_fields(self, path: str, headers: dict[str, str]) -> Event:
        now, domain = time.time(), self._request["domain"]
        identity = {
            **dict.fromkeys(NO_IDENTITY),
            "sourceIp": self._request["source_ip"],
            "userAgent": headers.get("user-agent"),
        }
        return {
            "path": f"/{self._request['stage']}{path}",
            "stage": self._request["stage"],
            "protocol": "HTTP/1.1",
            "accountId": ACCOUNT,
            "apiId": API_ID,
            "domainName": domain,
            "domainPrefix": domain.partition(".")[0],
            "extendedRequestId": new_id(),
            "requestId": self._context.aws_request_id,
            "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
            "requestTimeEpoch": int(now * 1000),
            "identity": identity,
        }

    def _is_binary(self, content_type: str) -> bool:
        # Such as multipart/form-data, whose value has a boundary, and the pattern */*.
        name = content_type.partition(";")[0].strip().lower() or "application/json"
        return any(fnmatchcase(name, each.lower()) for each in self._app_object.api.binary_types)


class _ThreadLocal:
    # Chalice keeps the request on the app, which threads share.

    _values = threading.local()

    @property
    def current_request(self) -> Any:
        return getattr(self._values, "request", None)

    @current_request.setter
    def current_request(self, value: Any) -> None:
        self._values.request = value

    @property
    def lambda_context(self) -> Any:
        return getattr(self._values, "context", None)

    @lambda_context.setter
    def lambda_context(self, value: Any) -> None:
        self._values.context = value

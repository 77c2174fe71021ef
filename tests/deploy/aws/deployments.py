"""Deployments of WebSocket APIs: a stage serves a snapshot of the routes.

A route that is created, updated or deleted later is served only after a new deployment, when the
stage refers to it.
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-set-up-websocket-deployment.html
"""

import json
import string
from datetime import datetime, timezone
from typing import Any

from moto.apigatewayv2 import urls
from moto.apigatewayv2.exceptions import APIGatewayV2Error, BadRequestException
from moto.apigatewayv2.models import Api, Stage
from moto.apigatewayv2.responses import ApiGatewayV2Response
from moto.moto_api._internal import mock_random

Answer = tuple[int, dict[str, str], str]


class NotFound(APIGatewayV2Error):
    """An error: the deployment does not exist."""

    code = 404

    def __init__(self, deployment_id: str):
        super().__init__("NotFoundException", f"Invalid deployment identifier {deployment_id}")


def deployments(api: Api) -> dict[str, dict[str, Any]]:
    """Return the deployments of an API by id."""
    found: dict[str, dict[str, Any]] = vars(api).setdefault("deployments", {})
    return found


def deploy(api: Api, description: str | None) -> dict[str, Any]:
    """Create a deployment. Its status message shows its snapshot of the routes."""
    if not api.routes:
        raise BadRequestException("At least one route is required before deploying the Api.")
    routes = {
        route.route_key: api.integrations[
            route.target.removeprefix("integrations/")
        ].integration_uri
        for route in api.routes.values()
    }
    made: dict[str, Any] = {
        "deploymentId": "".join(mock_random.choice(string.ascii_lowercase) for _ in range(6)),
        "createdDate": datetime.now(timezone.utc).isoformat(),
        "deploymentStatus": "DEPLOYED",
        "deploymentStatusMessage": json.dumps(routes),
        "description": description,
    }
    return deployments(api).setdefault(made["deploymentId"], made)


class Deployments(ApiGatewayV2Response):
    """The operations that moto lacks."""

    def _api(self) -> Api:
        return self.apigatewayv2_backend.get_api(self.path.split("/")[3])

    def _deployment(self) -> dict[str, Any]:
        name = self.path.split("/")[5]
        if name not in deployments(self._api()):
            raise NotFound(name)
        return deployments(self._api())[name]

    def create_deployment(self) -> Answer:
        body = json.loads(self.body or "{}")
        made = deploy(self._api(), body.get("description"))
        if "stageName" in body:
            self._api().stages[body["stageName"]].config["deploymentId"] = made["deploymentId"]
        return 201, {}, json.dumps(made)

    def get_deployment(self) -> Answer:
        return 200, {}, json.dumps(self._deployment())

    def get_deployments(self) -> Answer:
        return 200, {}, json.dumps({"items": list(deployments(self._api()).values())})

    def delete_deployment(self) -> Answer:
        name = self._deployment()["deploymentId"]
        if any(stage.config.get("deploymentId") == name for stage in self._api().stages.values()):
            raise BadRequestException("Active stages pointing to this deployment must be moved")
        del deployments(self._api())[name]
        return 204, {}, ""

    def create_stage(self) -> Answer:
        self._check_deployment_id()
        answer: Answer = super().create_stage()
        return answer

    def update_stage(self) -> Answer:
        self._check_deployment_id()
        stages = self._api().stages
        name = self.path.split("/")[5]
        stages[name] = Stage(self._api(), {**stages[name].config, **json.loads(self.body)})
        return 200, {}, json.dumps(stages[name].to_json())

    def _check_deployment_id(self) -> None:
        name = json.loads(self.body).get("deploymentId")
        if name is not None and name not in deployments(self._api()):
            raise NotFound(name)


def install() -> None:
    """Replace moto's operations, unless moto has deployments."""
    if hasattr(ApiGatewayV2Response, "create_deployment"):
        return
    one = "{0}/v2/apis/(?P<api_id>[^/]+)/deployments"
    urls.url_paths[f"{one}$"] = urls.url_paths[f"{one}/(?P<deployment_id>[^/]+)$"] = None
    for path, handler in urls.url_paths.items():
        if handler is None or handler.__name__ == "dispatch":
            urls.url_paths[path] = Deployments.dispatch
    to_json = Stage.to_json
    Stage.to_json = lambda self: {
        **to_json(self),
        **{key: value for key, value in self.config.items() if key == "deploymentId"},
    }

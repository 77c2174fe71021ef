"""CloudFormation resources that moto lacks. They are created by API calls, as in AWS.

Their properties have the names of the calls' parameters, except for upper and lower case. A call
fails with an unknown property, and with a value beyond AWS's limits.
"""

import json
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.model import Shape
from moto.apigateway.models import RestAPI
from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError
from moto.core.common_models import CloudFormationModel
from moto.dynamodb.models.table import Table

Properties = dict[str, Any]

# A change of one of these properties replaces the resource.
FIXED = {"ApiId", "StageName", "FunctionName", "AlarmName", "FilterName", "LogGroupName"}


@dataclass(frozen=True)
class Kind:
    """The calls that create, update and delete resources of a type.

    Args:
        update: the calls that update a resource. A property that none of them has replaces it.
        key: the parameter with the id.
        named: the id is a parameter of `create`. If false, `create` returns it.
        answer: the names that lead to the resource, and to its id, in the answer of `create`.
    """

    service: str
    create: str
    update: tuple[str, ...]
    delete: str
    key: str
    named: bool = False
    answer: tuple[str, str] | None = None


KINDS = {
    # moto has the other two types of a REST API.
    "AWS::ApiGateway::Stage": Kind(
        "apigateway", "CreateStage", (), "DeleteStage", "StageName", True
    ),
    "AWS::ApiGatewayV2::Api": Kind(
        "apigatewayv2", "CreateApi", ("UpdateApi",), "DeleteApi", "ApiId"
    ),
    "AWS::ApiGatewayV2::Deployment": Kind(
        "apigatewayv2", "CreateDeployment", (), "DeleteDeployment", "DeploymentId"
    ),
    "AWS::ApiGatewayV2::Integration": Kind(
        "apigatewayv2",
        "CreateIntegration",
        ("UpdateIntegration",),
        "DeleteIntegration",
        "IntegrationId",
    ),
    "AWS::ApiGatewayV2::Route": Kind(
        "apigatewayv2", "CreateRoute", ("UpdateRoute",), "DeleteRoute", "RouteId"
    ),
    "AWS::ApiGatewayV2::Stage": Kind(
        "apigatewayv2", "CreateStage", ("UpdateStage",), "DeleteStage", "StageName", True
    ),
    "AWS::CloudWatch::Alarm": Kind(
        "cloudwatch", "PutMetricAlarm", ("PutMetricAlarm",), "DeleteAlarms", "AlarmName", True
    ),
    "AWS::Cognito::UserPool": Kind(
        "cognito-idp",
        "CreateUserPool",
        ("UpdateUserPool",),
        "DeleteUserPool",
        "UserPoolId",
        answer=("UserPool", "Id"),
    ),
    "AWS::Cognito::UserPoolClient": Kind(
        "cognito-idp",
        "CreateUserPoolClient",
        ("UpdateUserPoolClient",),
        "DeleteUserPoolClient",
        "ClientId",
        answer=("UserPoolClient", "ClientId"),
    ),
    "AWS::Cognito::UserPoolDomain": Kind(
        "cognito-idp",
        "CreateUserPoolDomain",
        (),
        "DeleteUserPoolDomain",
        "Domain",
        True,
    ),
    # moto's functions drop tags and logging. moto cannot delete permissions.
    "AWS::Lambda::Function": Kind(
        "lambda",
        "CreateFunction",
        ("UpdateFunctionConfiguration", "UpdateFunctionCode"),
        "DeleteFunction",
        "FunctionName",
        True,
    ),
    "AWS::Lambda::Permission": Kind(
        "lambda", "AddPermission", (), "RemovePermission", "StatementId", True
    ),
    "AWS::Logs::MetricFilter": Kind(
        "logs", "PutMetricFilter", ("PutMetricFilter",), "DeleteMetricFilter", "FilterName", True
    ),
}
# Properties whose parameter has another name.
PARAMETERS = {"UserPoolName": "PoolName"}
PATCHED = {"AWS::Lambda::Function", "AWS::Lambda::Permission"}


def fit(shape: Shape, value: Any, strict: bool, path: str) -> Any:
    """Convert a property to a call's parameter: the case of names, and numbers from text.

    Raises:
        ValidationError: the call does not know a property, and `strict` is true.
    """
    if shape.type_name == "structure":
        members = {name.lower(): name for name in shape.members}
        unknown = [name for name in value if name.lower() not in members]
        if unknown and strict:
            raise ValidationError(message=f"{path}: unsupported property {unknown[0]}")
        return {
            members[name.lower()]: fit(
                shape.members[members[name.lower()]], member, strict, f"{path}.{name}"
            )
            for name, member in value.items()
            if name.lower() in members
        }
    # A template has tags as a list.
    if shape.type_name == "map" and isinstance(value, list):
        value = {tag["Key"]: tag["Value"] for tag in value}
    if shape.type_name == "map":
        return {name: fit(shape.value, member, strict, path) for name, member in value.items()}
    if shape.type_name == "list":
        return [fit(shape.member, member, strict, path) for member in value]
    if shape.type_name == "boolean":
        return value if isinstance(value, bool) else value == "true"
    converted = {"integer": int, "long": int, "float": float, "double": float, "string": str}
    return converted.get(shape.type_name, lambda same: same)(value)


class Resource(CloudFormationModel):
    """A resource of one of the types in KINDS."""

    type = ""

    def __init__(self, name: str, properties: Properties, region: str):
        kind = KINDS[self.type]
        self.region = region
        self.properties = properties
        self.id = next((properties[key] for key in properties if key == kind.key), name)
        given = {**properties, kind.key: self.id} if kind.named else properties
        self.answer = self._call(kind.create, given, strict=True)
        if kind.answer:
            resource, key = kind.answer
            self.answer = dict(self.answer[resource])
            self.id = self.answer[key]
            # An attribute of user pools, which no call returns.
            self.answer["ProviderURL"] = f"https://cognito-idp.{region}.amazonaws.com/{self.id}"
        elif not kind.named:
            self.id = self.answer[kind.key]

    def _call(self, operation: str, properties: Properties, strict: bool = False) -> Properties:
        client = boto3.client(KINDS[self.type].service, region_name=self.region)
        shape = client.meta.service_model.operation_model(operation).input_shape
        properties = {PARAMETERS.get(name, name): each for name, each in properties.items()}
        method = {value: key for key, value in client.meta.method_to_api_mapping.items()}[operation]
        answer: Properties = getattr(client, method)(**fit(shape, properties, strict, self.type))
        return answer

    def changed(self, name: str, properties: Properties) -> "Resource":
        """Return this resource with new properties, or the resource that replaces it."""
        kind = KINDS[self.type]
        keys = {*self.properties, *properties}
        changes = {key for key in keys if self.properties.get(key) != properties.get(key)}
        if not changes:
            return self
        client = boto3.client(kind.service, region_name=self.region)
        shapes = [
            client.meta.service_model.operation_model(call).input_shape for call in kind.update
        ]
        known = {member.lower() for shape in shapes for member in shape.members} | {"tags", "code"}
        if changes & FIXED or any(key.lower() not in known for key in changes):
            return type(self)(name, properties, self.region)
        for call in kind.update:
            self._call(call, {**properties, **properties.get("Code", {}), kind.key: self.id})
        self.properties = properties
        return self

    def delete(self, account_id: str, region: str) -> None:
        key = KINDS[self.type].key
        self._call(KINDS[self.type].delete, {**self.properties, key: self.id, f"{key}s": [self.id]})

    @property
    def physical_resource_id(self) -> str:
        return str(self.id)

    def get_cfn_attribute(self, name: str) -> Any:
        return self.answer["FunctionArn" if name == "Arn" else name]

    def is_created(self) -> bool:
        return True

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return True

    @classmethod
    def cloudformation_type(cls) -> str:
        return cls.type

    @classmethod
    def cloudformation_name_type(cls) -> str:
        return KINDS[cls.type].key if cls.type in KINDS and KINDS[cls.type].named else ""

    @classmethod
    def create_from_cloudformation_json(
        cls,
        resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
        **_: Any,
    ) -> "Resource":
        return cls(resource_name, cloudformation_json["Properties"], region_name)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: "Resource",
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> "Resource":
        return original_resource.changed(new_resource_name, cloudformation_json["Properties"])


class TableWithTtl(Table):
    """moto's table, with the time to live of the template, which moto does not read."""

    @classmethod
    def create_from_cloudformation_json(cls, *arguments: Any, **options: Any) -> Any:
        table = Table.create_from_cloudformation_json(*arguments, **options)
        specified = arguments[1]["Properties"].get("TimeToLiveSpecification")
        if specified and table.ttl["TimeToLiveStatus"] == "DISABLED":
            client = boto3.client("dynamodb", region_name=arguments[3])
            client.update_time_to_live(TableName=table.name, TimeToLiveSpecification=specified)
        return table


class RestApiOfBody(RestAPI):
    """moto's REST API, with the name and the methods of its OpenAPI document."""

    @classmethod
    def create_from_cloudformation_json(cls, *arguments: Any, **options: Any) -> Any:
        name, template, *others = arguments
        body = template["Properties"]["Body"]
        named = {**template, "Properties": {"Name": body["info"]["title"]}}
        api = RestAPI.create_from_cloudformation_json(name, named, *others, **options)
        client = boto3.client("apigateway", region_name=arguments[3])
        # moto refuses OpenAPI 2, which Chalice writes.
        document = {"openapi": "3.0.1", "info": body["info"], "paths": body["paths"]}
        client.put_rest_api(restApiId=api.id, mode="merge", body=json.dumps(document).encode())
        return api


def install() -> None:
    """Add the types that moto lacks."""
    models, names = parsing.get_model_map(), parsing.get_name_type_map()
    for kind in (set(KINDS) - set(models)) | PATCHED:
        models[kind] = type(kind.replace("::", ""), (Resource,), {"type": kind})
        names[kind] = models[kind].cloudformation_name_type()
    models["AWS::DynamoDB::Table"] = TableWithTtl
    models["AWS::ApiGateway::RestApi"] = RestApiOfBody

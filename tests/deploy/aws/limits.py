"""The limits of AWS on requests: the lengths, patterns, enums and ranges of botocore's models.

botocore checks only types and lower bounds before it sends. moto checks little more.
"""

from collections.abc import Iterator
from typing import Any

# Unlike re, it knows \p{L}, which AWS's patterns use.
import regex
from botocore.model import Shape
from moto.core.exceptions import ServiceException
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import get_service_model

# moto's parser does not accept a request body that is an object's content.
UNCHECKED = {"s3", "s3control"}


class LimitBroken(ServiceException):
    """The answer to a request with a value beyond a limit."""

    code = "ValidationException"


def find_violations(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """Yield the limits that a value exceeds, each with its path in the request."""
    limits = shape.metadata
    size = value if shape.type_name in ("integer", "long", "float", "double") else None
    if shape.type_name in ("string", "list", "map", "blob"):
        size = len(value)
    if size is not None and not limits.get("min", size) <= size <= limits.get("max", size):
        bounds = f"{limits.get('min', '')}..{limits.get('max', '')}"
        yield f"{path} must be {bounds} (got {size}: {str(value)[:80]!r})"
    if shape.type_name == "string":
        if limits.get("enum") and value not in limits["enum"]:
            yield f"{path} must be one of {', '.join(limits['enum'])} (got {value!r})"
        if limits.get("pattern") and not regex.fullmatch(limits["pattern"], value):
            yield f"{path} must match {limits['pattern']} (got {value!r})"
    elif shape.type_name == "structure":
        yield from (
            f"{path}.{name} is missing" for name in shape.required_members if name not in value
        )
        for name, member in value.items():
            if name in shape.members and member is not None:
                yield from find_violations(shape.members[name], member, f"{path}.{name}")
    elif shape.type_name == "list":
        for index, member in enumerate(value):
            yield from find_violations(shape.member, member, f"{path}[{index}]")
    elif shape.type_name == "map":
        for key, member in value.items():
            yield from find_violations(shape.key, key, f"{path}.{key}")
            yield from find_violations(shape.value, member, f"{path}.{key}")


def problems(response: BaseResponse) -> list[str]:
    """Return the limits that a request exceeds."""
    request = response.normalized_request
    action = response._get_action()
    if response.boto3_service_name in UNCHECKED or not action:
        return []
    service = get_service_model(response.boto3_service_name)
    operation = service.operation_model(action)
    parser = PROTOCOL_PARSERS[determine_request_protocol(service, request.content_type)]
    parsed = parser(operation).parse(
        {
            "method": request.method,
            "values": request.values,
            "headers": request.headers,
            "body": request.data,
            "url_path": request.path,
            "url_params": response.uri_match,
        }
    )
    return list(find_violations(operation.input_shape, parsed, action)) if parsed else []


def install() -> None:
    """Answer 400 to a request that exceeds a limit."""
    dispatch = BaseResponse._dispatch

    def checked(self: BaseResponse, *arguments: Any, **options: Any) -> Any:
        self.setup_class(*arguments, **options)
        found = problems(self)
        if found:
            return self.serialized(ActionResult(LimitBroken("; ".join(found))))
        return dispatch(self, *arguments, **options)

    BaseResponse._dispatch = checked

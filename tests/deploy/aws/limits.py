"""AWS's own limits on every request: lengths, patterns, enums and ranges of botocore's models.

botocore itself checks types and lower bounds alone before it sends, and moto hardly more.
"""

from collections.abc import Iterator
from typing import Any

import regex  # which knows \p{L} as AWS does
from botocore.model import Shape
from moto.core.exceptions import ServiceException
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.responses import ActionResult, BaseResponse
from moto.core.utils import get_service_model

# Its objects travel in the body as they are, which moto's parser does not take.
UNCHECKED = {"s3", "s3control"}


class LimitBroken(ServiceException):
    """What a request with such a value is answered."""

    code = "ValidationException"


def broken(shape: Shape, value: Any, path: str) -> Iterator[str]:
    """Say which limits of the model a request's value breaks, and where in it."""
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
                yield from broken(shape.members[name], member, f"{path}.{name}")
    elif shape.type_name == "list":
        for index, member in enumerate(value):
            yield from broken(shape.member, member, f"{path}[{index}]")
    elif shape.type_name == "map":
        for key, member in value.items():
            yield from broken(shape.key, key, f"{path}.{key}")
            yield from broken(shape.value, member, f"{path}.{key}")


def problems(response: BaseResponse) -> list[str]:
    """Say which of AWS's limits a request breaks."""
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
    return list(broken(operation.input_shape, parsed, action)) if parsed else []


def install() -> None:
    """Answer 400 to a request that breaks a limit."""
    dispatch = BaseResponse._dispatch

    def checked(self: BaseResponse, *arguments: Any, **options: Any) -> Any:
        self.setup_class(*arguments, **options)
        found = problems(self)
        if found:
            return self.serialized(ActionResult(LimitBroken("; ".join(found))))
        return dispatch(self, *arguments, **options)

    BaseResponse._dispatch = checked

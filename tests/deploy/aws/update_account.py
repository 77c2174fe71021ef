"""UpdateAccount of API Gateway, which takes one call in 20 seconds from an account and region.

https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
"""

from typing import Any

from moto.apigateway.exceptions import ApiGatewayException
from moto.apigateway.models import APIGatewayBackend


class TooManyRequests(ApiGatewayException):
    """An error: the call came too soon after another."""

    code = 429

    def __init__(self) -> None:
        super().__init__("TooManyRequestsException", "Too Many Requests")


def install() -> None:
    """Refuse the first call, as if another had just come. A test does not wait 20 seconds."""
    original = APIGatewayBackend.update_account

    def update_account(self: APIGatewayBackend, patch_operations: list[dict[str, Any]]) -> Any:
        if not hasattr(self.account, "was_called"):
            self.account.was_called = True
            raise TooManyRequests
        return original(self, patch_operations)

    APIGatewayBackend.update_account = update_account

"""The LoggingConfig of functions, which moto accepts and does not return."""

from typing import Any

from moto.awslambda.models import LambdaFunction

SETTING = "LoggingConfig"


def install() -> None:
    """Save it and return it, unless moto does."""
    original_init = LambdaFunction.__init__
    original_update = LambdaFunction.update_configuration
    original_get = LambdaFunction.get_configuration

    def init(
        self: LambdaFunction, account_id: str, spec: dict[str, Any], *rest: Any, **named: Any
    ) -> None:
        # moto reads the configuration while it creates the function.
        self.saved_logging = spec.get(SETTING)
        original_init(self, account_id, spec, *rest, **named)

    def update(self: LambdaFunction, config_updates: dict[str, Any]) -> Any:
        self.saved_logging = config_updates.get(SETTING, self.saved_logging)
        return original_update(self, config_updates)

    def get(self: LambdaFunction, *arguments: Any, **options: Any) -> dict[str, Any]:
        answer: dict[str, Any] = original_get(self, *arguments, **options)
        return {**({SETTING: self.saved_logging} if self.saved_logging else {}), **answer}

    LambdaFunction.__init__ = init
    LambdaFunction.update_configuration = update
    LambdaFunction.get_configuration = get

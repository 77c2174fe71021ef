"""The logging of Lambda's functions, which moto takes and forgets."""

from typing import Any

from moto.awslambda.models import LambdaFunction

SETTING = "LoggingConfig"


def install() -> None:
    """Keep it, and give it back, unless moto does."""
    make = LambdaFunction.__init__
    change = LambdaFunction.update_configuration
    read = LambdaFunction.get_configuration

    def made(
        self: LambdaFunction, account_id: str, spec: dict[str, Any], *rest: Any, **named: Any
    ) -> None:
        self.kept_logging = spec.get(SETTING)  # first: it is asked for while it is made
        make(self, account_id, spec, *rest, **named)

    def changed(self: LambdaFunction, config_updates: dict[str, Any]) -> Any:
        self.kept_logging = config_updates.get(SETTING, self.kept_logging)
        return change(self, config_updates)

    def told(self: LambdaFunction, *arguments: Any, **options: Any) -> dict[str, Any]:
        answer: dict[str, Any] = read(self, *arguments, **options)
        return {**({SETTING: self.kept_logging} if self.kept_logging else {}), **answer}

    LambdaFunction.__init__ = made
    LambdaFunction.update_configuration = changed
    LambdaFunction.get_configuration = told

"""The environment variables and the context that Lambda gives to a function.

https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
The addresses of Lambda's own services are left out: nothing serves them here.
"""

import secrets
import sys
import time
import uuid
from types import SimpleNamespace

from chalice.config import Config
from chalice.local import LambdaContext

from chalice_ws.project.config import CONFIG, AppError
from chalice_ws.project.functions import REST
from chalice_ws.project.resources import ACCOUNT
from chalice_ws.project.values import RULES

# Chalice's defaults.
DEFAULT_MEMORY_MB = 128
DEFAULT_TIMEOUT_SECONDS = 60


class Context(LambdaContext):
    """The context of an invocation. Chalice's lacks some attributes of Lambda's."""

    def log(self, message: str) -> None:
        """Print a message, as Lambda writes it to the log stream."""
        print(message)


class LambdaFunction:
    """A function as Lambda names it.

    Args:
        name: the function's name in the app.
        handler: the module and attribute of its handler; None: not known yet.
        settings: the function's settings.
        region: the region.
    """

    def __init__(self, name: str, handler: str | None, settings: Config, region: str) -> None:
        # The function of the REST routes is deployed as APP-STAGE, without a name of its own.
        parts = [settings.app_name, settings.chalice_stage, name]
        self.name = "-".join(parts[:2] if name == REST else parts)
        self.timeout_seconds = _number(settings, "lambda_timeout", DEFAULT_TIMEOUT_SECONDS)
        self._memory_mb = _number(settings, "lambda_memory_size", DEFAULT_MEMORY_MB)
        self._handler = handler
        self._task_root = settings.project_dir
        self._arn = f"arn:aws:lambda:{region}:{ACCOUNT}:function:{self.name}"
        self._log_group = f"/aws/lambda/{self.name}"
        day = time.strftime("%Y/%m/%d", time.gmtime())
        self._log_stream = f"{day}/[$LATEST]{secrets.token_hex(16)}"

    def variables(self) -> dict[str, str]:
        """Return the environment variables that Lambda sets."""
        handler = {"_HANDLER": self._handler} if self._handler else {}
        return {
            **handler,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info[0]}.{sys.version_info[1]}",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self._memory_mb),
            "AWS_LAMBDA_FUNCTION_NAME": self.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": self._log_group,
            "AWS_LAMBDA_LOG_STREAM_NAME": self._log_stream,
            # Without it the X-Ray SDK would look for its daemon.
            "AWS_XRAY_SDK_ENABLED": "false",
            "LAMBDA_TASK_ROOT": self._task_root,
            "TZ": ":UTC",
        }

    def context(self) -> Context:
        """Return the context of a new invocation."""
        context = Context(self.name, self._memory_mb, self.timeout_seconds * 1000)
        vars(context).update(
            aws_request_id=str(uuid.uuid4()),
            identity=SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None),
            invoked_function_arn=self._arn,
            log_group_name=self._log_group,
            log_stream_name=self._log_stream,
            # Lambda passes text, and Chalice a number.
            memory_limit_in_mb=str(self._memory_mb),
        )
        return context


def _number(settings: Config, name: str, default: int) -> int:
    value = getattr(settings, name) or default
    if not isinstance(value, int):
        use = f"use {RULES[name].use}"
        raise AppError(f"{CONFIG}: {name} is not valid (got {value!r}); {use}")
    return value

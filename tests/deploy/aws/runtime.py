"""Lambda's Python runtime: the code and boto3 on the path, JSON logs, and one event.

Run this file by its path with `python -I -S CODE BOTO3 HANDLER`. It reads the event from standard
input, and writes the handler's result to standard output as JSON. Logs go to standard error.
"""

import importlib
import json
import logging
import os
import sys
import time

code, boto3, handler = sys.argv[1:]
# https://docs.aws.amazon.com/lambda/latest/dg/python-package.html#python-package-searchpath
sys.path[:0] = [code, boto3]

# The attributes of every log record. Lambda writes the others, those of `extra`, as fields.
COMMON = set(vars(logging.makeLogRecord({}))) | {"message"}


class Context:
    """The parts of Lambda's context that the handlers use, with 29 s left."""

    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    function_name = handler
    memory_limit_in_mb = 512
    _end = time.monotonic() + 29

    def get_remaining_time_in_millis(self) -> int:
        return int(1000 * (self._end - time.monotonic()))


class JsonFormatter(logging.Formatter):
    """The form of a line where LogFormat is JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line = {"level": record.levelname, "message": record.getMessage()}
        extra = {name: each for name, each in vars(record).items() if name not in COMMON}
        return json.dumps({**line, **extra})


# Lambda sets these variables from the function's LoggingConfig. Without a level Python's own
# default applies, so a test sees when the template does not name one.
if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
    stream = logging.StreamHandler()
    stream.setFormatter(JsonFormatter())
    logging.getLogger().addHandler(stream)
if level := os.environ.get("AWS_LAMBDA_LOG_LEVEL"):
    logging.getLogger().setLevel(level)

module, _, name = handler.rpartition(".")
result = getattr(importlib.import_module(module), name)(json.load(sys.stdin), Context())
print(json.dumps(result))

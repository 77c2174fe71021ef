"""As Lambda's runtime starts a function: its code and boto3 on the path, and nothing else.

Run by its path with `python -I -S CODE BOTO3 HANDLER`; the event comes on standard input, and what
the handler returns goes to standard output as JSON.
"""

import importlib
import json
import sys
import time

code, boto3, handler = sys.argv[1:]
# https://docs.aws.amazon.com/lambda/latest/dg/python-package.html#python-package-searchpath
sys.path[:0] = [code, boto3]


class Context:
    """What the handlers use of Lambda's context, with 29 s of time."""

    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    function_name = handler
    memory_limit_in_mb = 512
    _end = time.monotonic() + 29

    def get_remaining_time_in_millis(self) -> int:
        return int(1000 * (self._end - time.monotonic()))


module, _, name = handler.rpartition(".")
result = getattr(importlib.import_module(module), name)(json.load(sys.stdin), Context())
print(json.dumps(result))

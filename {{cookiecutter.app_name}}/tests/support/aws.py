"""AWS for the tests: moto in this process, without HTTP."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto import mock_aws
from moto.core.models import botocore_stubber

from chalice_ws.local.isolation import isolate
from chalicelib.aws import session

_mock = mock_aws()

_lock = threading.RLock()


def _answer(**event: Any) -> Any:
    # moto's transactions are not safe for threads.
    with _lock:
        return botocore_stubber(**event)


# The app's session may be older than moto, which reaches new sessions only.
session.events.register_first("before-send", _answer)


@contextmanager
def serving_in_process() -> Iterator[None]:
    """Answer the requests to AWS in this process. No AWS settings of this machine are used."""
    os.environ.update(isolate("unused", gateway="http://127.0.0.1:1/api"))
    # moto knows the services by their addresses in AWS.
    del os.environ["AWS_ENDPOINT_URL"]
    with _mock:
        yield


def reset() -> None:
    """Delete all tables and queues."""
    _mock.reset()

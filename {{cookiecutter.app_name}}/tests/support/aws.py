"""AWS for the tests: moto in this process, without HTTP."""

import copy
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from moto import mock_aws
from moto.backends import get_backend
from moto.core.models import DEFAULT_ACCOUNT_ID, botocore_stubber

from chalice_ws.local.isolation import isolate
from chalicelib.aws import session
from tests.support.quick_aws import make_quick

_mock = mock_aws()

# The tables that each function creates.
_empty_tables: dict[Callable[[], None], Any] = {}

_lock = threading.RLock()


def _answer(**event: Any) -> Any:
    # Those to this machine are for the stand-in of the management API, and for servers of tests.
    if urlsplit(event["request"].url).hostname == "127.0.0.1":
        return None
    # moto's transactions are not safe for threads.
    with _lock:
        return botocore_stubber(**event)


# The app's session may be older than moto, which reaches new sessions only. A younger one has
# moto's own handler, and would process each request twice.
session.events.unregister("before-send", botocore_stubber)
session.events.register_first("before-send", _answer)
make_quick()


@contextmanager
def serving_in_process() -> Iterator[None]:
    """Answer the requests to AWS in this process. No AWS settings of this machine are used."""
    os.environ.update(isolate("unused", gateway="http://127.0.0.1:1/api"))
    # moto knows the services by their addresses in AWS.
    del os.environ["AWS_ENDPOINT_URL"]
    with _mock:
        yield


def reset(create_tables: Callable[[], None]) -> None:
    """Delete everything, and create empty tables.

    Args:
        create_tables: creates them, the first time. Later they are copied.
    """
    _mock.reset()
    backend = get_backend("dynamodb")[DEFAULT_ACCOUNT_ID][session.region_name]
    if create_tables not in _empty_tables:
        create_tables()
        _empty_tables[create_tables] = copy.deepcopy(backend.tables)
    backend.tables = copy.deepcopy(_empty_tables[create_tables])

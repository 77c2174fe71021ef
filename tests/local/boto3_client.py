"""A client of AWS for the gateway."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.local.gateway import SECONDS


@contextmanager
def boto3_client(service: str, endpoint: str) -> Iterator[Any]:
    """Make a boto3 client that uses none of this machine's settings."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            patch.setenv(name, os.devnull)
        session = boto3.session.Session("any", "any", region_name="us-east-1")
        once = Config(retries={"total_max_attempts": 1}, read_timeout=SECONDS, proxies={})
        made = session.client(service, endpoint_url=endpoint, config=once)
    with closing(made):
        yield made

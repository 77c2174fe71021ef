"""A fixture for delivery through the queue."""

import pytest

from chalice_ws.local import services
from chalice_ws.project.config import read_config
from chalice_ws.project.resources import Resources
from tests.client import Api
from tests.conftest import PROJECT
from tests.support.queue import LambdaPoller


@pytest.fixture
def scaled(api: Api, monkeypatch: pytest.MonkeyPatch) -> LambdaPoller:
    """The app with its queue. One function sends to three members at most."""
    monkeypatch.setenv("FANOUT_LIMIT", "3")
    stack = f"{read_config(PROJECT, 'dev').app_name}-dev"
    template = Resources([PROJECT / "resources.json", PROJECT / "resources/scale.json"], stack)
    services.create_queues(template.queues())
    (source,) = template.sources()
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    variables = template.variables("WebsocketMessage")
    assert variables == template.variables("Notify") == template.variables("Fanout")
    monkeypatch.setenv("FANOUT_QUEUE", variables["FANOUT_QUEUE"])
    return LambdaPoller(api, source["QueueUrl"])

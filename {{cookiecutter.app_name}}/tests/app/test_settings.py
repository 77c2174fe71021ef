"""The settings in .chalice/config.json and the resource files."""

import json
import logging
import re

import pytest

from chalice_ws.project.config import read_config
from chalice_ws.project.resources import Resources
from tests.client import Api
from tests.conftest import PROJECT


@pytest.mark.parametrize(
    "stage", json.loads((PROJECT / ".chalice/config.json").read_text())["stages"]
)
def test_help_lists_the_actions_of_each_stage(
    api: Api, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    actions = read_config(PROJECT, stage).environment_variables["WS_ACTIONS"]
    monkeypatch.setenv("WS_ACTIONS", actions)
    assert list(api.connect().request("help")["actions"]) == actions.replace(" ", "").split(",")


def test_log_of_a_push_has_the_fields_of_the_metric_filters(
    api: Api, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The metric filters of resources/production.json read these fields."""
    resources = json.loads((PROJECT / "resources/production.json").read_text())["Resources"]
    filters = [each for each in resources.values() if each.get("Type") == "AWS::Logs::MetricFilter"]
    fields = set(re.findall(r"\$\.(\w+) > 0", json.dumps(filters)))
    assert fields == {"delivered", "gone", "failed", "untried", "throttled"}
    monkeypatch.setattr("chalicelib.sender.retry.MAX_THROTTLED_SECONDS", 0.1)
    slow, client = api.connect(), api.connect()
    api.refusals[slow.connection_id] = (429, "LimitExceededException")
    with caplog.at_level(logging.INFO, logger="chalicelib"):
        outcome = api.run("notify", {"channel": "lobby", "data": 1}, seconds=4)
    logged: dict[str, int] = {}
    for record in caplog.records:
        logged |= {field: each for field, each in vars(record).items() if field in fields}
    assert logged.pop("throttled") >= 1
    assert logged.keys() == fields - {"throttled"}
    assert logged.items() <= outcome.items()
    assert client.push()["data"] == 1


def test_functions_that_send_get_the_queue_of_scale_json() -> None:
    files = [PROJECT / "resources.json", PROJECT / "resources/scale.json"]
    template = Resources(files, f"{read_config(PROJECT, 'dev').app_name}-dev")
    (source,) = template.sources()
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    variables = template.variables("WebsocketMessage")
    assert variables["FANOUT_QUEUE"] == source["QueueUrl"]
    for name in ("Notify", "SignOut", "Fanout"):
        assert variables.items() <= template.variables(name).items()

"""The app's own settings do what they say."""

import json

import pytest

from local.functions import read_config
from tests.client import Api
from tests.conftest import PROJECT


@pytest.mark.parametrize(
    "stage", json.loads((PROJECT / ".chalice/config.json").read_text())["stages"]
)
def test_help_names_the_actions_of_the_config(
    api: Api, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    actions = read_config(PROJECT, stage).environment_variables["WS_ACTIONS"]
    monkeypatch.setenv("WS_ACTIONS", actions)
    assert list(api.connect().request("help")["actions"]) == actions.replace(" ", "").split(",")

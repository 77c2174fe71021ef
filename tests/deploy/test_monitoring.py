"""The dashboard, the metric filters and the alarms of the resource files."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RAW

STACK = "chalice-ws-app-prod"
# A function's name in a stack.
FUNCTION = f"{STACK}-WebsocketConnect-A1b2C3d4E5f6"


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    """The resources of production and scale."""
    found: dict[str, Any] = {}
    for name in ("production", "scale"):
        content = json.loads((RAW / "resources" / f"{name}.json").read_text())
        found |= content["Resources"]
    return found


def tokens(text: str) -> list[str]:
    """Return the tokens of a text in a search expression.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html
    """
    return re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", text)


def term_matches(term: str, value: str) -> bool:
    """Return whether a term finds a value: exactly in quotes, else by consecutive tokens."""
    if term.startswith('"'):
        return term.strip('"') == value
    wanted, found = tokens(term), tokens(value)
    return any(found[i : i + len(wanted)] == wanted for i in range(len(found)))


def searches(resources: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the schema of each search on the dashboard, and its terms by property."""
    body = json.dumps(resources["Dashboard"]["Properties"]["DashboardBody"])
    for text in re.findall(r"SEARCH\('(.*?)', '", json.loads(json.dumps(body))):
        schema, terms = re.fullmatch(r"\{(.*?)\} (.*)", text).groups()  # type: ignore[union-attr]
        plain = terms.replace("\\", "").replace("${AWS::StackName}", STACK)
        yield schema, dict(re.findall(r'(\w+)=("[^"]*"|\S+)', plain))


def test_term_in_quotes_matches_exactly() -> None:
    """Compare with the examples of AWS."""
    assert tokens("CustomCount1") == ["Custom", "Count", "1"]
    assert tokens("SDBFailure") == ["SDB", "Failure"]
    assert term_matches("network-errors", "network-errors-2")
    assert term_matches('"Network-Errors-2"', "Network-Errors-2")
    assert not term_matches('"Network"', "Network-Errors-2")


def test_searches_find_functions_of_stack(resources: dict[str, Any]) -> None:
    found = list(searches(resources))
    assert {terms["MetricName"] for _, terms in found} == {
        '"Errors"',
        '"Throttles"',
        '"Duration"',
        '"ConcurrentExecutions"',
    }
    for schema, terms in found:
        assert schema == "AWS/Lambda,FunctionName"
        assert term_matches(terms["FunctionName"], FUNCTION)
        assert not term_matches(terms["FunctionName"], FUNCTION.replace("-prod-", "-dev-"))


def test_dead_letters_have_an_alarm_with_a_topic(resources: dict[str, Any]) -> None:
    alarm = resources["DeadLettersAlarm"]["Properties"]
    (dimension,) = alarm["Dimensions"]
    assert dimension["Value"] == {"Fn::GetAtt": ["FanoutDeadLetters", "QueueName"]}
    assert alarm["AlarmActions"] == [{"Ref": "Alarms"}]
    # scale.json may be used alone. Its topic is that of production.json where both are.
    files = [
        json.loads((RAW / f"resources/{name}.json").read_text()) for name in ("production", "scale")
    ]
    assert files[0]["Resources"]["Alarms"] == files[1]["Resources"]["Alarms"]


def test_each_alarm_has_a_topic(resources: dict[str, Any]) -> None:
    alarms = [each for each in resources.values() if each.get("Type") == "AWS::CloudWatch::Alarm"]
    assert len(alarms) == 4
    for alarm in alarms:
        assert alarm["Properties"]["AlarmActions"] == [{"Ref": "Alarms"}]
        assert alarm["Properties"]["TreatMissingData"] == "notBreaching"


def test_log_levels_are_written_out() -> None:
    """The metrics count lines of the level INFO."""
    content = json.loads((Path(RAW) / "resources.json").read_text())
    logging = content["Globals"]["Function"]["LoggingConfig"]
    assert (logging["ApplicationLogLevel"], logging["LogFormat"]) == ("INFO", "JSON")

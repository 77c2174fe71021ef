"""Each setting that Chalice knows: the values that AWS refuses, and the effect of the others."""

import importlib
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RAW
from tests.edits import Edit, replace
from tests.project.test_check import append, check, configure, copy_with, write

ROLE = "arn:aws:iam::123456789012:role/mine"
LAYER = "arn:aws:lambda:us-east-1:123456789012:layer:numbers:3"
DOMAIN = {
    "domain_name": "chat.example.com",
    "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/1",
}
VPC = {"subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"]}

# The values that pass, and those that are reported.
VALUES: dict[str, tuple[list[Any], list[Any]]] = {
    "api_gateway_custom_domain": ([DOMAIN], ["x", {}, {**DOMAIN, "domain": "x"}]),
    "api_gateway_endpoint_type": (["EDGE", "REGIONAL"], ["edge", 1]),
    "api_gateway_endpoint_vpce": (["vpce-1", ["vpce-1"]], []),
    "api_gateway_policy_file": (["api.json"], ["", {}]),
    "api_gateway_stage": (["api", "v_1-2"], ["a b", "", "x" * 129, 1]),
    "app_name": (["tea-7"], ["7tea", "a b", "tëa", 7]),
    "autogen_policy": ([True, False, None], ["false", 0]),
    "automatic_layer": ([True, False], ["true", 1]),
    "environment_variables": (
        [{"ROOMS": "7"}],
        [{"AWS_REGION": "x"}, {"_HANDLER": "x"}, {"A-B": "x"}, {"1A": "x"}, {"X": "x"}],
    ),
    "iam_policy_file": (["dev/notify.json"], ["", {}]),
    "iam_role_arn": ([ROLE, ROLE.replace("aws", "aws-cn")], ["mine", 7]),
    "lambda_architecture": (["arm64", "x86_64"], ["arm", 64]),
    "lambda_memory_size": ([128, 1769, 10240], [64, 10241, "512", 512.0, True]),
    "lambda_timeout": ([1, 29, 900], [0, 901, "29", 29.0, True]),
    "layers": ([[], [LAYER]], [LAYER, [LAYER[:-2]], [LAYER] * 2, [LAYER, LAYER[:-1] + "4"], [7]]),
    "log_retention_in_days": ([1, 30, 3653], [2, 0, "30", True]),
    "manage_iam_role": ([True, False], ["false"]),
    "minimum_compression_size": ([0, 1024], [-1, "1024", 10_485_761]),
    "profile": (["work"], ["", 7]),
    "reserved_concurrency": ([1, 1000], [0, -1, "5", True]),
    "security_group_ids": ([["sg-1"]], ["sg-1", ["subnet-1"], [1], ["sg-1"] * 6]),
    "subnet_ids": (
        [["subnet-1", {"Ref": "Subnet"}]],
        ["subnet-1", ["sg-1"], {}, ["subnet-1"] * 17],
    ),
    "tags": (
        [{"team": "tea"}],
        [
            *([], {"team": 7}, {"aws:x": "1"}, {"": "x"}, {"x": "y" * 257}),
            {str(number): "x" for number in range(50)},
        ],
    ),
    "version": (["2.0"], ["1.0", 2.0]),
    "websocket_api_custom_domain": (
        [DOMAIN, {**DOMAIN, "url_prefix": "v1", "tags": {"a": "b"}}],
        [
            *("x", {}, {**DOMAIN, "tls_version": "TLS_1_1"}, {**DOMAIN, "tls_version": "TLS_1_0"}),
            *({**DOMAIN, "domain_name": "wss://chat.example.com"}, {**DOMAIN, "url_prefix": "/v1"}),
            {**DOMAIN, "certificate_arn": "arn:aws:iam::123456789012:server-certificate/chat"},
        ],
    ),
    "xray": ([True, False], ["Active", 1]),
}
# Objects of further settings, which other tests check.
OBJECTS = {"lambda_functions", "stages"}


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """A function that imports a module of chalice_ws.project from the template."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(RAW)
    return lambda name: importlib.import_module(f"chalice_ws.project.{name}")


def test_each_setting_is_tested_and_documented(project: Callable[[str], Any]) -> None:
    names = {name for level in project("check.names").accepted_names().values() for name in level}
    assert names - OBJECTS == set(VALUES)
    document = (RAW / "docs" / "deploy.md").read_text()
    rows = {name for line in document.splitlines() for name in re.findall(r"^\| `(\w+)`", line)}
    assert rows == names - {"stages"}


@pytest.mark.parametrize("name", VALUES)
def test_value_of_setting_is_checked(project: Callable[[str], Any], name: str) -> None:
    check_values = project("values").check_values
    valid, wrong = VALUES[name]
    for value in valid:
        assert list(check_values("stages.dev.", {name: value})) == [], value
    for value in wrong:
        lines = list(check_values("stages.dev.", {name: value}))
        assert lines, value
        assert all(re.match(r"\.chalice/config\.json: .*stages\.dev\..*; ", each) for each in lines)


def of_stage(**settings: object) -> Edit:
    """Return an edit of settings of the stage dev."""
    return configure(lambda c: c["stages"]["dev"].update(settings))


def of_function(name: str, **settings: object) -> Edit:
    """Return an edit of settings of a function in the stage dev."""
    return configure(
        lambda c: c["stages"]["dev"]["lambda_functions"].setdefault(name, {}).update(settings)
    )


def allow(name: str, *actions: str) -> Edit:
    """Return an edit that adds a statement to a policy of the stage dev."""

    def edit(app: Path) -> None:
        path = app / ".chalice" / "dev" / f"{name}.json"
        policy = json.loads(path.read_text())
        policy["Statement"].append({"Effect": "Allow", "Action": [*actions], "Resource": "*"})
        path.write_text(json.dumps(policy))

    return edit


def extras(names: str) -> Edit:
    """Return an edit that names the extras of the stage dev in the Makefile."""
    return replace("Makefile", "EXTRAS_dev ?=", f"EXTRAS_dev ?= {names}")


NETWORK = ["ec2:CreateNetworkInterface", "ec2:Delete*", "EC2:describenetworkinterfaces"]
OWN_ROLE = {"manage_iam_role": False, "iam_role_arn": ROLE}
REST = '\n\n@app.route("/")\ndef index():\n    return {}\n'
OFTEN = '{"Properties": {"Environment": {"Variables": {"HISTORY_SECONDS": "often"}}}}'
ORDERS = """
"Orders": {"Type": "AWS::SQS::Queue"},
"OrderSource": {
  "Type": "AWS::Lambda::EventSourceMapping",
  "Properties": {
    "EventSourceArn": {"Fn::GetAtt": ["Orders", "Arn"]},
    "FunctionName": {"Fn::GetAtt": ["Fanout", "Arn"]}
  }
}"""
ORDERS_AS_TEXT = re.sub(r'\["(\w+)", "Arn"\]', r'"\1.Arn"', ORDERS)
ON_QUEUE = '\n\n@app.on_sqs_message(queue="orders")\ndef on_order(event):\n    pass\n'
QUEUE_SETTINGS = of_function("on_order", iam_policy_file="dev/on_order.json")
EMPTY_POLICY = write(".chalice/dev/on_order.json", '{"Statement": []}')

# The edits, and the lines that report them.
EFFECTS: dict[str, tuple[list[Edit], list[str]]] = {
    "subnets without grant": (
        [of_function("notify", **VPC)],
        [r"subnet_ids of notify needs ec2:CreateNetworkInterface, .*; add vpc to EXTRAS_dev"],
    ),
    "subnets with grant in policy": ([of_function("notify", **VPC), allow("notify", *NETWORK)], []),
    "subnets with extra": ([of_stage(**VPC), extras("xray vpc")], []),
    "subnets without security groups": (
        [of_stage(subnet_ids=["subnet-1"])],
        ["Chalice refuses the app .*you must provide the subnet_ids as well as the security"],
    ),
    "xray without grant": (
        [of_stage(xray=True)],
        [r"xray of notify, .*needs xray:PutTelemetryRecords, .*; add xray to EXTRAS_dev"],
    ),
    "xray with extra": ([of_stage(xray=True), extras("xray")], []),
    "xray with grant": ([of_function("fanout", xray=True), allow("fanout", "xray:*")], []),
    "own role": ([of_stage(**OWN_ROLE)], []),
    "own role and extra that names the role": (
        [of_function("notify", **OWN_ROLE), extras("xray")],
        [r"makes no NotifyRole, which resources\.json, resources/xray\.json name; take them out"],
    ),
    "own role and queue of FANOUT_LIMIT": (
        [
            of_function("fanout", **OWN_ROLE),
            configure(lambda c: c["environment_variables"].update(FANOUT_LIMIT="5")),
        ],
        [r"makes no FanoutRole, which resources\.json, resources/scale\.json name"],
    ),
    "role without manage_iam_role": (
        [of_function("notify", iam_role_arn=ROLE)],
        [r"Chalice ignores iam_role_arn \(got notify\); add \"manage_iam_role\": false"],
    ),
    "manage_iam_role without role": (
        [of_function("notify", manage_iam_role=False)],
        [r"leaves no role \(got notify\); add \"iam_role_arn\""],
    ),
    "settings that make deploy ignores": (
        [of_stage(profile="work", log_retention_in_days=7)],
        [
            r"ignores stages\.dev\.profile; move it to the top",
            r"make deploy ignores stages\.dev\.profile \(got 'work'\); .*AWS_PROFILE",
            r"log_retention_in_days makes log groups that stay empty .* RetentionInDays of Logs",
        ],
    ),
    "settings of REST without a route": (
        [
            of_stage(
                minimum_compression_size=1,
                api_gateway_policy_file="api.json",
                api_gateway_custom_domain=DOMAIN,
            )
        ],
        [
            r"minimum_compression_size is ignored \(got no REST route\); remove it",
            "api_gateway_policy_file is ignored",
            "api_gateway_custom_domain is ignored",
        ],
    ),
    "private endpoint": (
        [
            of_stage(api_gateway_endpoint_type="PRIVATE", api_gateway_endpoint_vpce="vpce-1"),
            append("app.py", REST),
            of_function("api_handler", iam_policy_file="dev/api_handler.json"),
            write(".chalice/dev/api_handler.json", '{"Statement": []}'),
        ],
        [r"leaves the WebSocket API public \(got 'PRIVATE'\); remove it"],
    ),
    "variable of a resource file for the function of the REST routes": (
        [
            append("app.py", REST),
            of_function("api_handler", iam_policy_file="dev/api_handler.json"),
            write(".chalice/dev/api_handler.json", '{"Statement": []}'),
            replace("resources.json", '"Resources": {', f'"Resources": {{"APIHandler": {OFTEN},'),
        ],
        [r"HISTORY_SECONDS is not valid \(got 'often'\)"],
    ),
    "queue that waits too short": (
        [of_function("fanout", lambda_timeout=300), extras("scale")],
        [r"fanout may run longer than its queue's VisibilityTimeout \(got 300 > 180\); use 1800"],
    ),
    "queue of a function that a resource file names by its ARN": (
        [
            of_function("fanout", lambda_timeout=300),
            replace("resources.json", '"Resources": {', f'"Resources": {{{ORDERS},'),
        ],
        [r"fanout may run longer than its queue's VisibilityTimeout \(got 300 > 30\)"],
    ),
    "queue of a function that a resource file names by its ARN, as a text": (
        [
            of_function("fanout", lambda_timeout=300),
            replace(
                "resources.json",
                '"Resources": {',
                f'"Resources": {{{ORDERS_AS_TEXT},',
            ),
        ],
        [r"fanout may run longer than its queue's VisibilityTimeout \(got 300 > 30\)"],
    ),
    "queue handler without grant": (
        [append("app.py", ON_QUEUE), QUEUE_SETTINGS, EMPTY_POLICY],
        [r"the event source of on_order needs sqs:DeleteMessage, .*; add them to the policy"],
    ),
    "queue handler with grant": (
        [append("app.py", ON_QUEUE), QUEUE_SETTINGS, EMPTY_POLICY, allow("on_order", "sqs:*")],
        [],
    ),
    "timeout too short": (
        [of_function("notify", lambda_timeout=3)],
        [r"lambda_timeout leaves no time to send \(got notify: 3\); use 5 or more"],
    ),
    "variables too long": (
        [configure(lambda c: c["environment_variables"].update(ROOMS="x" * 4096))],
        [r"environment variables of notify are too long \(got 4\d{3} bytes\); the maximum is 4096"],
    ),
    "name that CloudFormation refuses": (
        [configure(lambda c: c.update(app_name="my_app"))],
        [r"CloudFormation refuses _ in the stack's name \(got my_app-dev\); use -"],
    ),
    "domain without certificate": (
        [of_stage(websocket_api_custom_domain={"domain_name": "chat.example.com"})],
        [r"websocket_api_custom_domain\.certificate_arn is missing .*; add \"certificate_arn\""],
    ),
    "name twice": (
        [replace(".chalice/config.json", '"version"', '"lambda_timeout": 9, "version"')],
        [r"config\.json has 'lambda_timeout' twice; remove one"],
    ),
    "layers and certificate that AWS refuses, settings of Chalice's command line": (
        [
            of_function("notify", layers=[LAYER.replace("us-east-1", "eu-west-1")]),
            of_stage(
                layers=[LAYER.replace("numbers", f"n{n}") for n in range(5)],
                websocket_api_custom_domain={
                    **DOMAIN,
                    "certificate_arn": DOMAIN["certificate_arn"].replace("us-east-1", "eu-west-1"),
                },
            ),
            configure(lambda c: c.update(automatic_layer=True, project_dir="x", chalice_app="x")),
        ],
        [
            r"notify\.layers is in another region \(got 'eu-west-1'\); use one of us-east-1",
            r"certificate_arn is in another region \(got 'eu-west-1'\); use one of us-east-1",
            r"automatic_layer adds a layer to fanout \(got 5 others\)",
            "Chalice ignores chalice_app",
            "Chalice ignores project_dir; .*remove it",
        ],
    ),
    "layers and tags": ([of_stage(layers=[LAYER], tags={"team": "tea"}, automatic_layer=True)], []),
    "reserved concurrency": ([of_function("fanout", reserved_concurrency=2)], []),
}


@pytest.mark.parametrize("case", EFFECTS)
def test_effect_of_settings_is_checked(app: Path, tmp_path: Path, case: str) -> None:
    edits, messages = EFFECTS[case]
    with_defaults = configure(lambda c: c.setdefault("environment_variables", {}))
    edits = [*edits] if case == "name twice" else [with_defaults, *edits]
    status, lines = check(copy_with(app, tmp_path, *edits), "--stage", "dev")
    assert status == bool(messages), lines
    for message in messages:
        assert any(re.search(message, line) for line in lines), (message, lines)
    if not messages:
        assert lines == []


def test_reserved_runs_above_the_quota_are_warned_of(app: Path, tmp_path: Path) -> None:
    copy = copy_with(app, tmp_path, of_stage(reserved_concurrency=200))
    status, (line,) = check(copy, "--stage", "dev")
    assert status == 0
    assert "warning: " in line
    assert "reserved_concurrency of all functions is above the default quota (got 1200)" in line


def test_extras_of_command_line_override_makefile(app: Path, tmp_path: Path) -> None:
    copy = copy_with(app, tmp_path, of_stage(xray=True))
    assert check(copy, "--stage", "dev", EXTRAS_dev="xray") == (0, [])

"""`make check` with policies that resource files attach to the roles of functions."""

import json
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data

from tests.conftest import RAW
from tests.project.test_check import CONFIG, check, copy_with

PROJECT = RAW / "chalice_ws" / "project"
NEEDED = {
    *(f"ec2:{each}NetworkInterface" for each in ("Create", "Delete")),
    *(
        "ec2:DescribeNetworkInterfaces",
        "ssm:GetParameter",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    ),
    *(f"sqs:{each}" for each in ("DeleteMessage", "GetQueueAttributes", "ReceiveMessage")),
    *(
        f"{service}:{each}"
        for service in ("dynamodb", "kinesis")
        for each in ("DescribeStream", "GetRecords", "GetShardIterator", "ListStreams")
    ),
}

NETWORK = ["ec2:CreateNetworkInterface", "ec2:DescribeNetworkInterfaces"]
STATEMENT = {"Effect": "Allow", "Action": [*NETWORK, "ec2:DeleteNetworkInterface"], "Resource": "*"}
ROLES = {
    "Notify": "arn:aws:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole",
    "SignOut": "arn:aws:iam::aws:policy/PowerUserAccess",
    "WebsocketConnect": {"Ref": "Network"},
    "WebsocketMessage": "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
    "Fanout": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:policy/ours"},
}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def allowed(statements: list[dict[str, Any]]) -> set[str]:
    """Return the needed actions that statements of AWS's policies allow."""

    def allows(statement: dict[str, Any], action: str) -> bool:
        key = "NotAction" if "NotAction" in statement else "Action"
        patterns = [each.lower() for each in as_list(statement[key])]
        found = any(fnmatchcase(action.lower(), each) for each in patterns)
        return statement["Effect"] == "Allow" and found == (key == "Action")

    return {action for action in NEEDED if any(allows(each, action) for each in statements)}


def test_known_policies_allow_what_those_of_aws_allow() -> None:
    module: dict[str, Any] = {}
    exec((PROJECT / "permissions" / "managed_policies.py").read_text(), module)
    policies = json.loads(aws_managed_policies_data)
    for name, patterns in module["MANAGED_POLICIES"].items():
        document = policies[name]["Document"]
        own = [{"Effect": "Allow", "Action": list(patterns)}]
        assert allowed(own) == allowed(as_list(document["Statement"])), name


def test_attached_policies_are_known_or_named_as_unknown(app: Path, tmp_path: Path) -> None:
    copy = copy_with(app, tmp_path)
    config = json.loads((copy / CONFIG).read_text())
    functions = config["stages"]["dev"]["lambda_functions"]
    for name in ("notify", "sign_out", "websocket_connect", "websocket_message", "fanout"):
        functions[name] |= {"subnet_ids": ["subnet-1"], "security_group_ids": ["sg-1"]}
    (copy / CONFIG).write_text(json.dumps(config))
    resources = json.loads((copy / "resources.json").read_text())
    resources["Resources"]["Network"] = {
        "Type": "AWS::IAM::ManagedPolicy",
        "Properties": {"PolicyDocument": {"Statement": [STATEMENT]}},
    }
    for role, policy in ROLES.items():
        properties = {"ManagedPolicyArns": [policy]}
        resources["Resources"][f"{role}Role"] = {"Properties": properties}
    (copy / "resources.json").write_text(json.dumps(resources))
    status, lines = check(copy, "--stage", "dev")
    assert status == 1
    error, warning = lines
    assert "subnet_ids of websocket_message needs ec2:CreateNetworkInterface, ec2:Del" in error
    assert "warning: .chalice/config.json, stage dev: what ours allows is not known here" in warning
    assert warning.endswith("ec2:DescribeNetworkInterfaces, for subnet_ids of fanout")


def test_table_that_no_resource_file_defines_is_a_warning(app: Path, tmp_path: Path) -> None:
    copy = copy_with(app, tmp_path)
    path = copy / ".chalice" / "dev" / "message.json"
    policy = json.loads(path.read_text())
    (table,) = [name for name in policy["Statement"][0]["Resource"].split("/") if ":" not in name]
    name = table.removesuffix("connections")
    known = [f"table/{table}/index/any", f"table/{name}con*", "table/elsewhere"]
    tables = [*known, f"table/{name}conections"]
    arns = [f"arn:*:dynamodb:*:*:{each}" for each in tables]
    policy["Statement"].append({"Effect": "Allow", "Action": "dynamodb:Query", "Resource": arns})
    path.write_text(json.dumps(policy))
    status, (line,) = check(copy, "--stage", "dev")
    assert status == 0
    assert line.startswith("warning: .chalice/dev/message.json names a table that no resource file")
    assert f"(got '{name}conections'); use {table}, or define it" in line

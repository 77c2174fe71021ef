"""What is packaged for CloudFormation: linted before and after SAM, and merged as meant."""

import copy
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs

from tests.conftest import KINDS, Bake
from tests.deploy.aws.account import NOWHERE, REGION, package
from tests.deploy.aws.stacks import translate

Template = dict[str, Any]


def findings(template: Template, region: str = REGION) -> list[str]:
    """What cfn-lint says of a template, its warnings too."""
    found = lint(json.dumps(template), config=ManualArgs(regions=[region]))
    return [
        f"{match.rule.id} {'/'.join(map(str, match.path or []))}: {match.message}"
        for match in found
    ]


def plain(template: Template, region: str = REGION) -> Template:
    """The template after the SAM transform, with its code in S3 as `make deploy` puts it there."""
    template = copy.deepcopy(template)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": "bucket", "Key": "deployment.zip"}
    return translate(template, region)


@pytest.fixture(scope="module")
def copied(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An app of this module's own: Chalice writes into it."""
    return Path(shutil.copytree(app, tmp_path_factory.mktemp("copied") / "app"))


@pytest.fixture(scope="module")
def packaged(copied: Path) -> Template:
    """What is deployed as stage prod, with all that the app can have."""
    extras = [path.stem for path in (copied / "resources").glob("*.json")]
    assert "production" in extras
    return package(copied, "prod", *extras)


@pytest.fixture(scope="module")
def own(copied: Path) -> Template:
    """What Chalice makes of the app, without anything merged into it."""
    NOWHERE.run(copied, "chalice", "package", "--stage", "prod", "build/own")
    template: Template = json.loads((copied / "build" / "own" / "sam.json").read_text())
    return template


def test_cfn_lint_has_nothing_to_say(packaged: Template) -> None:
    assert findings(packaged) == []
    assert findings(plain(packaged)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_translated(bake: Bake, kind: str) -> None:
    resources = plain(package(bake(app_kind=kind), "dev"))["Resources"]
    types = [resource["Type"] for resource in resources.values()]
    assert not [type for type in types if type.startswith("AWS::Serverless::")]
    assert types.count("AWS::Lambda::Function") == types.count("AWS::IAM::Role") >= 4
    assert types.count("AWS::ApiGatewayV2::Route") == 3


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1"])
def test_other_partitions_are_linted_as_such(copied: Path, region: str) -> None:
    extras = [path.stem for path in (copied / "resources").glob("*.json")]
    template = package(copied, "dev", *extras, region=region)
    assert findings(template, region) == []
    assert findings(plain(template, region), region) == []
    assert "arn:aws:" not in json.dumps(template)


def test_arm_and_a_domain_are_settings(bake: Bake) -> None:
    """As docs/deploy.md has them."""
    app = bake()
    path = app / ".chalice" / "config.json"
    config = json.loads(path.read_text())
    domain = {
        "domain_name": "chat.example.com",
        "url_prefix": "v1",
        "certificate_arn": "arn:aws:acm:us-east-1:123456789012:certificate/1",
    }
    assert all(f'"{key}"' in (app / "docs" / "deploy.md").read_text() for key in domain)
    config["lambda_architecture"] = "arm64"
    config["stages"]["dev"]["websocket_api_custom_domain"] = domain
    path.write_text(json.dumps(config))
    template = plain(package(app, "dev"))
    assert findings(template) == []
    resources = template["Resources"].values()
    functions = [each for each in resources if each["Type"] == "AWS::Lambda::Function"]
    assert {each["Properties"]["Architectures"][0] for each in functions} == {"arm64"}
    (mapping,) = [each for each in resources if each["Type"] == "AWS::ApiGatewayV2::ApiMapping"]
    assert mapping["Properties"]["ApiMappingKey"] == "v1"


def test_what_the_sam_transform_hides_from_cfn_lint_is_seen_after_it(packaged: Template) -> None:
    wrong = copy.deepcopy(packaged)
    role = wrong["Resources"]["WebsocketMessageRole"]["Properties"]
    role["Policies"][0]["PolicyDocument"]["Statement"][0]["Action"] = ["dynamodb:GetItems"]
    wrong["Resources"]["Notify"]["Properties"]["Runtime"] = "python2.7"
    found = findings(plain(wrong))
    assert any("'getitems' is not one of" in line for line in found), found
    assert any("python2.7" in line for line in found), found


def patches(folder: Path) -> Iterator[tuple[str, str]]:
    """What the app's own templates say of resources that Chalice makes: file and logical name."""
    for path in sorted(folder.glob("resources*.json")):
        for name, resource in json.loads(path.read_text())["Resources"].items():
            if "Type" not in resource:
                yield path.name, name


def test_what_is_patched_is_there(app: Path, own: Template) -> None:
    """Chalice merges a resource with a misspelt name as a new one, which has no type."""
    assert [patch for patch in patches(app) if patch[1] not in own["Resources"]] == []


def lists(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
    """Every list in a template that is not in another, by its path."""
    if isinstance(value, list):
        yield path, value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from lists(member, (*path, key))


def test_no_list_of_chalices_lost_what_was_in_it(own: Template, packaged: Template) -> None:
    """A list that is merged into another one takes its place."""
    # The deployment has a name of its own for each set of routes.
    text = re.sub(r"(WebsocketAPIDeployment)[0-9a-f]{10}", r"\1", json.dumps(packaged))
    merged = dict(lists(json.loads(text)["Resources"]))
    for path, value in lists(own["Resources"]):
        assert [member for member in value if member not in merged.get(path, [])] == [], path

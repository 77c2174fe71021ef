"""The packaged template: linted before and after the SAM transform, and merged correctly."""

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
from tests.deploy.aws.account import OFFLINE, REGION, package
from tests.deploy.aws.stacks import translate

Template = dict[str, Any]


def findings(template: Template, region: str = REGION) -> list[str]:
    """Return the errors and warnings of cfn-lint."""
    found = lint(json.dumps(template), config=ManualArgs(regions=[region]))
    return [
        f"{match.rule.id} {'/'.join(map(str, match.path or []))}: {match.message}"
        for match in found
    ]


def transformed(template: Template, region: str = REGION) -> Template:
    """Return the template after the SAM transform, with its code in S3 as `make deploy` has it."""
    template = copy.deepcopy(template)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = {"Bucket": "bucket", "Key": "deployment.zip"}
    return translate(template, region)


@pytest.fixture(scope="module")
def copied(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An app of this module. Chalice writes to its folder."""
    return Path(shutil.copytree(app, tmp_path_factory.mktemp("copied") / "app"))


@pytest.fixture(scope="module")
def packaged(copied: Path) -> Template:
    """The template of stage prod, with all extras."""
    extras = [path.stem for path in (copied / "resources").glob("*.json")]
    assert "production" in extras
    return package(copied, "prod", *extras)


@pytest.fixture(scope="module")
def original(copied: Path) -> Template:
    """The template that Chalice makes, before the resource files are merged."""
    OFFLINE.run(copied, "chalice", "package", "--stage", "prod", "build/original")
    template: Template = json.loads((copied / "build" / "original" / "sam.json").read_text())
    return template


@pytest.mark.full
def test_template_has_no_lint_findings(packaged: Template) -> None:
    assert findings(packaged) == []
    assert findings(transformed(packaged)) == []


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_transformed(bake: Bake, kind: str) -> None:
    resources = transformed(package(bake(app_kind=kind), "dev"))["Resources"]
    types = [resource["Type"] for resource in resources.values()]
    assert not [each for each in types if each.startswith("AWS::Serverless::")]
    assert types.count("AWS::Lambda::Function") == types.count("AWS::IAM::Role") >= 4
    assert types.count("AWS::ApiGatewayV2::Route") == 3


@pytest.mark.full
@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1"])
def test_template_in_other_partition_has_no_lint_findings(copied: Path, region: str) -> None:
    extras = {path.stem for path in (copied / "resources").glob("*.json")}
    # China has no Cognito user pools.
    extras -= {"cognito"} if region.startswith("cn-") else set()
    template = package(copied, "dev", *extras, region=region)
    assert findings(template, region) == []
    assert findings(transformed(template, region), region) == []
    assert "arn:aws:" not in json.dumps(template)


@pytest.mark.full
def test_architecture_and_domain_settings_reach_template(bake: Bake) -> None:
    """Follow docs/deploy.md."""
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
    template = transformed(package(app, "dev"))
    assert findings(template) == []
    resources = template["Resources"].values()
    functions = [each for each in resources if each["Type"] == "AWS::Lambda::Function"]
    assert {each["Properties"]["Architectures"][0] for each in functions} == {"arm64"}
    (mapping,) = [each for each in resources if each["Type"] == "AWS::ApiGatewayV2::ApiMapping"]
    assert mapping["Properties"]["ApiMappingKey"] == "v1"


@pytest.mark.full
def test_lint_after_transform_finds_errors_in_functions_and_roles(packaged: Template) -> None:
    wrong = copy.deepcopy(packaged)
    role = wrong["Resources"]["WebsocketMessageRole"]["Properties"]
    role["Policies"][0]["PolicyDocument"]["Statement"][0]["Action"] = ["dynamodb:GetItems"]
    wrong["Resources"]["Notify"]["Properties"]["Runtime"] = "python2.7"
    found = findings(transformed(wrong))
    assert any("'getitems' is not one of" in line for line in found), found
    assert any("python2.7" in line for line in found), found


def changes(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the resources in the resource files that change one of Chalice's: file, logical id."""
    for path in sorted([*folder.glob("*.json"), *folder.glob("resources/*.json")]):
        for name, resource in json.loads(path.read_text()).get("Resources", {}).items():
            if "Type" not in resource:
                yield path.name, name


def test_changed_resources_exist(app: Path, original: Template) -> None:
    found = list(changes(app))
    assert ("xray.json", "Notify") in found
    assert [each for each in found if each[1] not in original["Resources"]] == []


def lists(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
    """Yield each list of a template by its path. Lists inside of lists are left out."""
    if isinstance(value, list):
        yield path, value
    elif isinstance(value, dict):
        for key, member in value.items():
            yield from lists(member, (*path, key))


def test_merge_keeps_members_of_lists(original: Template, packaged: Template) -> None:
    """Compare all lists: a list in a resource file replaces the one in Chalice's template."""
    # The name of the deployment ends with a hash of the routes.
    text = re.sub(r"(WebsocketAPIDeployment)[0-9a-f]{10}", r"\1", json.dumps(packaged))
    merged = dict(lists(json.loads(text)["Resources"]))
    for path, value in lists(original["Resources"]):
        assert [member for member in value if member not in merged.get(path, [])] == [], path

"""Build a stage: the zip, and Chalice's template merged with the resource files."""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from chalice.config import Config

from chalice_ws.deploy.archive import normalize
from chalice_ws.deploy.errors import DeployError
from chalice_ws.project.aws_settings import without_settings
from chalice_ws.project.check.command import check_app
from chalice_ws.project.config import as_list, stack_name
from chalice_ws.project.resource_files import merge, read_resource_file, resource_files

Template = dict[str, Any]

# A deployment of an API is a snapshot of these resources. A later change is not live.
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-set-up-websocket-deployment.html
ROUTING = ("Authorizer", "Integration", "IntegrationResponse", "Model", "Route", "RouteResponse")
# Chalice's names.
API = "WebsocketAPI"
DEPLOYMENT = "WebsocketAPIDeployment"

# Lambda's limit.
MAX_FUNCTION_NAME_LENGTH = 64
# CloudFormation appends a dash and 12 letters to a name that it makes.
NAME_SUFFIX_LENGTH = 13


def build(config: Config, extras: list[str], folder: Path) -> Template:
    """Build the template and the zip of a stage in a folder. Return the template.

    Args:
        config: the settings of the stage.
        extras: the names of resource files. X is resources/X.json, merged after resources.json.
        folder: the folder for template.json and the zip that it names.

    Raises:
        AppError: a resource file does not exist, or is not valid.
        DeployError: Chalice cannot package the app, or a resource file does not match it.
    """
    files = resource_files(Path(), extras)
    _run_chalice(config.chalice_stage, extras, folder)
    for archive in folder.glob("*.zip"):
        normalize(archive)
    template: Template = json.loads((folder / "sam.json").read_text(encoding="utf-8"))
    for path in files:
        changes = read_resource_file(path)
        _check_changes(template, changes, path)
        template = merge(template, changes)
    _check_function_names(template, stack_name(config))
    template = _with_json_as_text(_with_named_deployment(_without_old_layers(template)))
    (folder / "template.json").write_text(json.dumps(template, indent=2), encoding="utf-8")
    return template


def _run_chalice(stage: str, extras: list[str], folder: Path) -> None:
    module = "chalice_ws.deploy.run_chalice"
    command = [sys.executable, "-m", module, "package", "--stage", stage, str(folder)]
    # Chalice caches a zip that lacks a dependency, and would use it again without a message.
    shutil.rmtree(".chalice/deployments", ignore_errors=True)
    # A package is the same with any credentials, and Chalice would look for some.
    result = subprocess.run(command, capture_output=True, text=True, env=without_settings())
    # An app may call AWS where it is imported.
    if result.returncode:
        result = subprocess.run(command, capture_output=True, text=True)
    output = (result.stdout + result.stderr).strip()
    # Where a dependency cannot be installed, Chalice goes on without it, and reports success. The
    # functions would fail at their first import.
    if result.returncode or "Could not install dependencies" in output:
        print(_explain(output, stage, extras), file=sys.stderr)
        raise DeployError("Chalice cannot package the app; correct what it reports above")


def _explain(output: str, stage: str, extras: list[str]) -> str:
    """Return the lines that say why Chalice failed, without its traceback."""
    if "Traceback (most recent call last)" not in output:
        return output
    problems = check_app(Path.cwd(), stage, {stage: extras}).problems
    return "\n".join(f"error: {problem}" for problem in problems) or output.splitlines()[-1]


def _check_changes(template: Template, changes: Template, path: Path) -> None:
    """Raise DeployError for a resource without a type that the template does not have."""
    resources = template["Resources"]
    for name, resource in changes["Resources"].items():
        if "Type" not in resource and name not in resources:
            likely = ", ".join(get_close_matches(name, resources, 3, 0))
            problem = f"{path} changes a resource that does not exist (got {name!r})"
            raise DeployError(f"{problem}; use one such as {likely}, or add a Type")


def _check_function_names(template: Template, stack: str) -> None:
    """Raise DeployError for a function whose name CloudFormation would cut."""
    for logical_id, resource in template["Resources"].items():
        name = f"{stack}-{logical_id}"
        length = len(name) + NAME_SUFFIX_LENGTH
        if resource["Type"] == "AWS::Serverless::Function" and length > MAX_FUNCTION_NAME_LENGTH:
            problem = f"the function name is too long, the maximum is {MAX_FUNCTION_NAME_LENGTH}"
            advice = "use a shorter app_name in .chalice/config.json, or function name in app.py"
            raise DeployError(f"{problem} (got {length} for '{name}-...'); {advice}")


def _without_old_layers(template: Template) -> Template:
    # SAM keeps each version of a layer by default, after make destroy too.
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            resource["Properties"].setdefault("RetentionPolicy", "Delete")
    return template


def _with_named_deployment(template: Template) -> Template:
    if DEPLOYMENT not in template["Resources"]:
        return template
    types = {f"AWS::ApiGatewayV2::{kind}" for kind in ROUTING}
    parts = {
        name: each
        for name, each in template["Resources"].items()
        if each["Type"] in types and _is_of_api(each)
    }
    # CloudFormation creates resources in any order. The snapshot must come after its parts, also
    # after those of the resource files.
    deployment = template["Resources"][DEPLOYMENT]
    deployment["DependsOn"] = [*as_list(deployment.get("DependsOn")), *parts]
    deployment["DependsOn"] = list(dict.fromkeys(deployment["DependsOn"]))
    # Chalice's deployment has one fixed name, so CloudFormation creates it once and a handler that
    # is added later never goes live. With a hash of its snapshot in the name, a change of the
    # snapshot creates a new deployment.
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:10]
    text = json.dumps(template).replace(f'"{DEPLOYMENT}"', f'"{DEPLOYMENT}{digest}"')
    result: Template = json.loads(text)
    return result


def _is_of_api(resource: Template) -> bool:
    # The owner may have another API in the same stack.
    api = json.dumps(resource.get("Properties", {}).get("ApiId"))
    return API in re.findall(r"\w+", api)


def _with_json_as_text(template: Template) -> Template:
    # AWS takes a dashboard and a log format as a string of JSON. The resource files have the JSON
    # itself, which is readable.
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if isinstance(body := properties.get("DashboardBody"), dict):
            properties["DashboardBody"] = {"Fn::Sub": json.dumps(body)}
        access_log = properties.get("AccessLogSettings", {})
        if isinstance(line := access_log.get("Format"), dict):
            access_log["Format"] = json.dumps(line)
    return template

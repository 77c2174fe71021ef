"""A stage's CloudFormation template: Chalice's own, merged with the resource files."""

import hashlib
import json
import shutil
import subprocess
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from chalice_ws.deploy.errors import DeployError
from chalice_ws.project.resources import merge, read_resource_file, resource_files

Template = dict[str, Any]

# A deployment of an API is a snapshot of these; what is not in it is not live.
ROUTING = ("Authorizer", "Integration", "IntegrationResponse", "Model", "Route", "RouteResponse")
DEPLOYMENT = "WebsocketAPIDeployment"

# Lambda's limit, and what CloudFormation puts behind a name that it makes: a dash and 12 letters.
LONGEST, SUFFIX = 64, 13


def package(stage: str, extras: list[str], folder: Path) -> Template:
    """Make the template and the zip of a stage in a folder; return the template.

    Args:
        extras: each X stands for resources/X.json, merged after resources.json.
        folder: gets template.json and the zip that it names.

    Raises:
        AppError: a resource file does not exist, or is not valid.
        DeployError: the app cannot be packaged, or the resources do not fit it.
    """
    files = resource_files(Path(), extras)
    _chalice("package", "--stage", stage, str(folder))
    template = json.loads((folder / "sam.json").read_text(encoding="utf-8"))
    for path in files:
        template = merged(template, read_resource_file(path), str(path))
    template = _with_texts(_with_deployment(template))
    (folder / "template.json").write_text(json.dumps(template, indent=2), encoding="utf-8")
    return template


def merged(template: Template, more: Template, source: str) -> Template:
    """A template with what another adds to it: objects are merged, all else is replaced.

    Raises:
        DeployError: a resource of `source` has no type, so changes one, and that is not there.
    """
    there = template["Resources"]
    for name, resource in more.get("Resources", {}).items():
        if "Type" not in resource and name not in there:
            likely = ", ".join(get_close_matches(name, there, 3, 0))
            what = f"{source} changes a resource that is not there (got {name!r})"
            raise DeployError(f"{what}; use one such as {likely}")
    result: Template = merge(template, more)
    return result


def check_names(template: Template, stack: str) -> None:
    """Raise DeployError for a function whose name would be cut by CloudFormation."""
    for name, resource in template["Resources"].items():
        length = len(f"{stack}-{name}") + SUFFIX
        if resource["Type"] == "AWS::Serverless::Function" and length > LONGEST:
            use = "use a shorter app_name in .chalice/config.json, or function name in app.py"
            what = f"a name of {length} characters is too long, {LONGEST} are the most"
            raise DeployError(f"{what} (got '{stack}-{name}-...'); {use}")


def _with_deployment(template: Template) -> Template:
    # Chalice's deployment has one fixed name: made once, it would never be made again for a
    # handler that comes later. Named by what it is a snapshot of, it is made when that changes.
    types = {f"AWS::ApiGatewayV2::{kind}" for kind in ROUTING}
    parts = {name: each for name, each in template["Resources"].items() if each["Type"] in types}
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:10]
    text = json.dumps(template).replace(f'"{DEPLOYMENT}"', f'"{DEPLOYMENT}{digest}"')
    result: Template = json.loads(text)
    return result


def _with_texts(template: Template) -> Template:
    # AWS takes some JSON only inside of a string, which nobody can read or edit.
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        if isinstance(body := properties.get("DashboardBody"), dict):
            properties["DashboardBody"] = {"Fn::Sub": json.dumps(body)}
        access_log = properties.get("AccessLogSettings", {})
        if isinstance(line := access_log.get("Format"), dict):
            access_log["Format"] = json.dumps(line)
    return template


def _chalice(*arguments: str) -> None:
    main = "import sys, chalice.cli; sys.exit(chalice.cli.main())"
    command = [sys.executable, "-c", main, *arguments]
    # Chalice keeps a zip that lacks a dependency, and would take it again without a word.
    shutil.rmtree(".chalice/deployments", ignore_errors=True)
    result = subprocess.run(command, capture_output=True, text=True)
    output = (result.stdout + result.stderr).strip()
    # Chalice would go on without them, and the functions would fail at their first import.
    if result.returncode or "Could not install dependencies" in output:
        print(output, file=sys.stderr)
        raise DeployError("chalice cannot package the app; mend what it says above")

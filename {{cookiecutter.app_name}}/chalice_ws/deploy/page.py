"""Write the page with the settings of a stage, for any static host."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from chalice_ws.deploy.context import Context
from chalice_ws.deploy.errors import DeployError
from chalice_ws.deploy.targets import command
from chalice_ws.project.check.sign_in import is_open
from chalice_ws.project.functions import CONNECT
from chalice_ws.project.page import SETTINGS, read_page_settings

PAGE = SETTINGS.parent

# Chalice's output, and those of resources/cognito.json.
ADDRESS = "WebsocketConnectEndpointURL"
ISSUER, CLIENT = "SignInIssuer", "SignInClient"


def write_page(context: Context) -> None:
    """Write the page with the settings of the stage, for any static host."""
    if not (PAGE / "index.html").exists():
        raise DeployError(f"the app has no page (got no {PAGE}/index.html); restore the folder")
    settings = _settings(context)
    folder = context.build_folder / "page"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(PAGE, folder)
    content = json.dumps(settings, indent=2) + "\n"
    (folder / SETTINGS.name).write_text(content, encoding="utf-8")
    print(f"Wrote {folder} for {settings['url']}.")
    if "sign_in" in settings:
        print(f"People sign in at {settings['sign_in']['issuer']}. The page's address must be")
        print("a callback and sign-out address there.")
    elif not is_open(context.config.scope(context.options.stage, CONNECT).environment_variables):
        problem = "the stage has sign-in, and the page has none (got no sign_in)"
        print(f"warning: {problem}; name the issuer and the client in {SETTINGS}", file=sys.stderr)


def _settings(context: Context) -> dict[str, Any]:
    """Return the settings of the owner's file. The stack adds what is missing."""
    path = context.options.settings
    is_given = path is not None or SETTINGS.exists()
    own = read_page_settings(Path(path or SETTINGS)) if is_given else {}
    if "url" in own:
        return own
    outputs = context.stack.outputs()
    if ADDRESS not in outputs:
        advice = f"run {command('deploy', context.options.stage)}"
        raise DeployError(f"the stack has no WebSocket API (got {context.stack.name!r}); {advice}")
    found: dict[str, Any] = {"url": outputs[ADDRESS].rstrip("/")}
    if outputs.get(ISSUER) and outputs.get(CLIENT):
        found["sign_in"] = {"issuer": outputs[ISSUER], "client_id": outputs[CLIENT]}
    return {**found, **own}

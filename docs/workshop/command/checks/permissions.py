"""The checks of lesson 8: a policy for each function."""

from typing import Any

from ..running import App, Missing

CONFIG = ".chalice/config.json"
ROUTES = ("websocket_connect", "websocket_message", "websocket_disconnect")
SEND = "execute-api:ManageConnections"


def have_policies(app: App) -> None:
    """Each function has a policy of its own."""
    config = app.json(CONFIG)
    if config.get("autogen_policy") is not False:
        raise Missing(f'write "autogen_policy": false into {CONFIG}')
    for name in (*ROUTES, "notify", "api_handler"):
        _actions(app, name)


def send_where_needed(app: App) -> None:
    """The functions that send may send, and the others may not."""
    for name in ("websocket_message", "notify", "api_handler"):
        if SEND not in _actions(app, name):
            raise Missing(f"allow {SEND} in the policy of {name}")
    for name in ("websocket_connect", "websocket_disconnect"):
        if SEND in _actions(app, name):
            raise Missing(f"remove {SEND} from the policy of {name}, which does not send")


def allow_no_pattern(app: App) -> None:
    """No policy allows all actions."""
    for name in (*ROUTES, "notify", "api_handler"):
        if patterns := [action for action in _actions(app, name) if "*" in action]:
            raise Missing(f"name each action in the policy of {name} (got {patterns[0]})")


def leave_out_boto3(app: App) -> None:
    """The requirements leave out what Lambda has."""
    try:
        lines = (app.folder / "requirements.txt").read_text().splitlines()
    except OSError as error:
        raise Missing(f"write requirements.txt (got {error})") from None
    if any(line.strip().startswith("boto3") for line in lines):
        raise Missing("take boto3 out of requirements.txt: Lambda has it")


def _actions(app: App, function: str) -> list[str]:
    stages: dict[str, Any] = app.json(CONFIG).get("stages", {})
    settings = stages.get("dev", {}).get("lambda_functions", {}).get(function, {})
    if "iam_policy_file" not in settings:
        raise Missing(f'give {function} an "iam_policy_file" in {CONFIG}')
    policy = app.json(f".chalice/{settings['iam_policy_file']}")
    actions: list[str] = []
    for statement in policy.get("Statement", []):
        given = statement.get("Action", [])
        actions += given if isinstance(given, list) else [given]
    return actions

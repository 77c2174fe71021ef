"""The local gateway with mistakes that people make in an action: what a client is told."""

import json
from pathlib import Path

from tests.conftest import Bake
from tests.local.gateway import ask, client, serving

ACTIONS = """

@router.action()
def crash(request: Request) -> replies.Echo:
    names = {"a": 1}
    return {"type": "echo", "data": names["b"]}


@router.action()
def leap(request: Request) -> replies.Echo:
    raise SystemExit("no tea")


@router.action()
def forget(request: Request) -> replies.Echo:
    names = {"a": 1}


@router.action()
def odd(request: Request) -> replies.Echo:
    return {"kind": "echo"}


@router.action()
def off(request: Request) -> replies.Echo:
    return {"type": "echo", "data": 1}
"""


def test_mistakes_in_actions_are_told_by_the_local_gateway(bake: Bake, tmp_path: Path) -> None:
    app = bake(app_name="tea")
    actions = app / "chalicelib" / "actions.py"
    actions.write_text(actions.read_text() + ACTIONS)
    config = app / ".chalice" / "config.json"
    names = '"WS_ACTIONS": "crash,leap,forget,odd,...,'
    text = config.read_text().replace('"WS_ACTIONS": "', names).replace("_RPS", "_PRS")
    config.write_text(text.replace('"HISTORY_SECONDS": "86400"', '"HISTORY_SECONDS": "1d"'))
    line = actions.read_text().splitlines().index('    return {"type": "echo", "data": names["b"]}')
    with serving(app, app, tmp_path) as gateway, client(gateway.url) as ann:

        def message(action: str) -> str:
            return str(json.loads(ask(ann, json.dumps({"action": action})))["message"])

        assert message("crash").startswith(
            f"correct chalicelib/actions.py:{line + 1}: KeyError: 'b' "
        )
        assert ": SystemExit: no tea " in message("leap")
        assert "action forget returned None; return a dict with a type" in message("forget")
        assert "action odd returned {'kind': 'echo'}; return" in message("odd")
        assert message("off").endswith("WS_ACTIONS does not have off")
        assert json.loads(ask(ann, '{"action": "echo", "data": 1}'))["data"] == 1
        started = gateway.printed().partition("Press Ctrl-C")[0]
        assert ".chalice/config.json: HISTORY_SECONDS is not valid (got '1d'); use" in started
        assert "config.json: the app does not read FANOUT_PRS; use FANOUT_RPS" in started
        assert "WS_ACTIONS has an unknown action (got '...'); use some of" in started

"""Changes that the owner of an app makes, in the files of each version of the template."""

from pathlib import Path

ACTION = """
@router.action()
def wave(request: Request) -> Frame:
    return {"type": "waved"}


"""

# The rule of may_connect, which versions before 0.4.0 have.
RULE = "    return True\n"
OWN_RULE = '    return "X-Blocked" not in event.to_dict()["headers"]\n'

# The same rule in authenticate.
NEW_RULE = "    check_origin(event)\n"
OWN_NEW_RULE = f"""    if "X-Blocked" in event.to_dict()["headers"]:
        raise Refused(403, "blocked")
{NEW_RULE}"""
IMPORT = "import check_origin"
OWN_IMPORT = "import Refused, check_origin"

RESOURCES = '  "Resources": {\n'
TOPIC = '    "ScoresTopic": {"Type": "AWS::SNS::Topic"},\n'


def replace(path: Path, old: str, new: str) -> None:
    """Replace the first occurrence of a text in a file."""
    text = path.read_text()
    assert old in text, f"{path} has no {old!r}"
    path.write_text(text.replace(old, new, 1))


def add_action(app: Path) -> None:
    """Add an action between those of the template."""
    channels = "@router.action()\ndef channels"
    replace(app / "chalicelib" / "actions.py", channels, ACTION.lstrip() + channels)


def change_settings(app: Path) -> None:
    """Enable the added action for each stage."""
    config = app / ".chalice" / "config.json"
    config.write_text(config.read_text().replace('"WS_ACTIONS": "', '"WS_ACTIONS": "wave,'))


def add_resource(app: Path) -> None:
    """Add a resource to those of the template."""
    replace(app / "resources.json", RESOURCES, RESOURCES + TOPIC)


def add_rule(app: Path) -> None:
    """Refuse some clients, in the file that says who may connect."""
    access = app / "chalicelib" / "access.py"
    if not access.exists():
        replace(app / "app.py", RULE, OWN_RULE)
    elif "def may_connect(" in access.read_text():
        replace(access, RULE, OWN_RULE)
    else:
        replace(access, NEW_RULE, OWN_NEW_RULE)
        replace(access, IMPORT, OWN_IMPORT)

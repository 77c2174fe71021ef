"""The command `chalice-ws`. In a generated app: `python -m chalice_ws`."""

import argparse
import importlib
import sys

from chalice_ws import __version__

COMMANDS = {
    "local": "run an app on this machine",
    "connect": "send frames from the terminal",
    "token": "print a token of the running local gateway",
    "invoke": "run one function of an app, such as one with a schedule or a queue",
    "check": "check an app for faults that neither Chalice nor AWS would report",
    "grant": "allow a function of an app to do more in AWS",
    "lesson": "copy, compare or check a lesson of the workshop",
}

# The package from the template's repository has it. A generated app does not.
WORKSHOP = "chalice_ws.workshop"


def main() -> int:
    """Run a command with the arguments that follow it; return the exit status."""
    is_module = sys.argv[0].endswith("__main__.py")
    prog = "python -m chalice_ws" if is_module else "chalice-ws"
    parser = argparse.ArgumentParser(
        prog, description="Tools for Chalice WebSocket apps.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"chalice-ws {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, help_text in COMMANDS.items():
        commands.add_parser(name, help=help_text, add_help=False)
    # Each command reads its own arguments, and imports what it needs.
    command, arguments = parser.parse_args(sys.argv[1:2]).command, sys.argv[2:]
    if command == "check":
        from chalice_ws.project.check import main as check

        return check(arguments)
    if command == "grant":
        from chalice_ws.project.grant import main as grant

        return grant(arguments, f"{prog} grant")
    if command == "connect":
        from chalice_ws.connect import main as connect

        return connect(arguments)
    if command == "token":
        from chalice_ws.local.issuer.command import main as token

        return token(arguments)
    if command == "lesson":
        return _lesson(arguments)
    if command == "invoke":
        from chalice_ws.local.triggers.invoke import main as invoke

        invoke(arguments, f"{prog} invoke")
    from chalice_ws.local.cli import main as run_local

    run_local(arguments, f"{prog} local")


def _lesson(arguments: list[str]) -> int:
    try:
        workshop = importlib.import_module(f"{WORKSHOP}.command")
    except ModuleNotFoundError as error:
        if error.name != WORKSHOP:
            raise
        use = "install the toolkit from the template's repository, as its README says"
        print(f"error: this copy of the toolkit has no lessons; {use}", file=sys.stderr)
        return 1
    status: int = workshop.main(arguments)
    return status

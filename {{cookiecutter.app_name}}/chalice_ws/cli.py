"""The command `chalice-ws`. In a generated app: `python -m chalice_ws`."""

import argparse
import importlib
import sys

from chalice_ws import __version__

# The package from the template's repository has it. A generated app does not.
WORKSHOP = "chalice_ws.workshop"

# The module of each command, and its help. A command reads its own arguments.
COMMANDS = {
    "local": ("chalice_ws.local.cli", "run an app on this machine"),
    "connect": ("chalice_ws.connect", "send frames from the terminal"),
    "token": ("chalice_ws.local.issuer.command", "print a token of the running local gateway"),
    "invoke": (
        "chalice_ws.local.triggers.invoke",
        "run one function of an app, such as one with a schedule or a queue",
    ),
    "check": (
        "chalice_ws.project.check.command",
        "check an app for faults that neither Chalice nor AWS would report",
    ),
    "grant": (
        "chalice_ws.project.permissions.grant",
        "allow a function of an app to do more in AWS",
    ),
    "lesson": (f"{WORKSHOP}.command", "copy, compare or check a lesson of the workshop"),
}


def main() -> int:
    """Run a command with the arguments that follow it; return the exit status."""
    is_module = sys.argv[0].endswith("__main__.py")
    prog = "python -m chalice_ws" if is_module else "chalice-ws"
    parser = argparse.ArgumentParser(
        prog, description="Tools for Chalice WebSocket apps.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"chalice-ws {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (_, help_text) in COMMANDS.items():
        commands.add_parser(name, help=help_text, add_help=False)
    command = parser.parse_args(sys.argv[1:2]).command
    try:
        module = importlib.import_module(COMMANDS[command][0])
    except ModuleNotFoundError as error:
        if error.name != WORKSHOP:
            raise
        use = "install the toolkit from the template's repository, as its README says"
        print(f"error: this copy of the toolkit has no lessons; {use}", file=sys.stderr)
        return 1
    status: int = module.main(sys.argv[2:], f"{prog} {command}")
    return status

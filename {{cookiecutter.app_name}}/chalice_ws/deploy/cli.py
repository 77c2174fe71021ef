"""Deploy a stage to AWS, show its address and logs, and delete it."""

import argparse
import sys

from botocore.exceptions import BotoCoreError, ClientError

from chalice_ws.deploy.commands import COMMANDS
from chalice_ws.deploy.context import Context
from chalice_ws.deploy.errors import DeployError, explain
from chalice_ws.project.config import AppError
from chalice_ws.project.options import add_stage


def parse_arguments() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        "python -m chalice_ws.deploy", description=__doc__, allow_abbrev=False
    )
    commands = parser.add_subparsers(dest="command", required=True)
    for name, function in COMMANDS.items():
        of_command = commands.add_parser(name, help=function.__doc__, allow_abbrev=False)
        add_stage(of_command)
        add = of_command.add_argument
        if name == "deploy":
            add("--bucket", help="your own bucket for the code (default: create one)")
        if name in ("package", "deploy", "table"):
            add("extras", nargs="*", help="X merges resources/X.json into the template")
        if name == "page":
            add("--settings", help="a file with settings of the page (default: web/config.json)")
        if name == "logs":
            add("--minutes", type=int, default=10, help="minutes to go back (default: %(default)s)")
            add("--follow", action="store_true", help="print new lines until Ctrl-C")
        if name == "destroy":
            add("--yes", action="store_true", help="delete without asking")
    return parser.parse_args()


def main() -> int:
    """Run the command of the command line. Return the exit status."""
    options = parse_arguments()
    try:
        COMMANDS[options.command](Context(options))
    except (AppError, DeployError) as error:
        print(f"error: {error}", file=sys.stderr)
    except (BotoCoreError, ClientError) as error:
        print(f"error: {explain(error)}", file=sys.stderr)
    except (EOFError, KeyboardInterrupt):
        print(file=sys.stderr)
    else:
        return 0
    return 1

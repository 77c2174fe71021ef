"""The doors to AWS, which the Makefile's targets go through."""

import argparse
import json
import sys
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import BotoCoreError, ClientError
from chalice.config import Config

from chalice_ws.deploy.account import Bucket, allow_access_logs
from chalice_ws.deploy.errors import DeployError, explain
from chalice_ws.deploy.logs import show
from chalice_ws.deploy.package import Template, check_names, package
from chalice_ws.deploy.stack import Stack
from chalice_ws.project.config import AppError, read_config
from chalice_ws.project.resources import create_tables, needed_extras, read_resources


class Door:
    """What each command has at hand.

    Args:
        options: the command line.

    Raises:
        AppError: no such stage, or no app.
    """

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.folder = Path("build") / options.stage
        self.config: Config = read_config(Path.cwd(), options.stage)

    @cached_property
    def session(self) -> Any:
        """The boto3 session."""
        return boto3.session.Session()

    @cached_property
    def account(self) -> str:
        """The number of the account that the credentials are for."""
        return str(self.session.client("sts").get_caller_identity()["Account"])

    @cached_property
    def stack(self) -> Stack:
        """The stage's stack."""
        return Stack(self.session, self.config.app_name, self.options.stage)

    def package(self) -> Template:
        """Make the stage's template and zip under build/."""
        extras = [*self.options.extras, *needed_extras(self.config)]
        template = package(self.options.stage, extras, self.folder)
        check_names(template, f"{self.config.app_name}-{self.options.stage}")
        return template

    def tables(self) -> list[dict[str, Any]]:
        """The tables of resources.json that are there, in a stack or not, as DynamoDB says."""
        dynamodb = self.session.client("dynamodb")
        found = []
        for table in read_resources(self.config).tables():
            try:
                found.append(dynamodb.describe_table(TableName=table["TableName"])["Table"])
            except dynamodb.exceptions.ResourceNotFoundException:
                continue
        return found


def up(door: Door) -> None:
    """Package and deploy the stage, and print its address."""
    stack, options = door.stack, door.options
    bucket = Bucket(door.session, door.account, stack.name, options.bucket)
    if not stack.there() and (found := door.tables()):
        what = f"the table is there, but no stack (got {found[0]['TableName']!r})"
        raise DeployError(f"{what}; go on with chalice deploy, or run make destroy first")
    template = door.package()
    if not bucket.exists:
        bucket.create()
        print(f"Made the bucket {bucket.name} for the code; make destroy deletes it.")
    allow_access_logs(door.session, template)
    for resource in template["Resources"].values():
        for place in {"CodeUri", "ContentUri"} & resource.get("Properties", {}).keys():
            key = bucket.upload(door.folder / resource["Properties"][place])
            resource["Properties"][place] = {"Bucket": bucket.name, "Key": key}
    uploaded = door.folder / "uploaded.json"
    uploaded.write_text(json.dumps(template), encoding="utf-8")
    if not stack.apply(bucket.url(bucket.upload(uploaded))):
        print(f"No changes: {stack.name} is as it should be.")
    url(door)


def make_package(door: Door) -> None:
    """Make what CloudFormation takes, under build/; AWS is not asked."""
    door.package()
    print(f"Made {door.folder}/template.json.")


def url(door: Door) -> None:
    """Print the stage's address."""
    outputs = door.stack.outputs()
    print(outputs["WebsocketConnectEndpointURL"].rstrip("/"))


def logs(door: Door) -> None:
    """Print what the functions have logged, and go on if told to."""
    door.stack.outputs()  # says so if there is no stack
    group = door.stack.resources("AWS::Logs::LogGroup")["Logs"]
    show(door.session.client("logs"), group, door.options.minutes, door.options.follow)


def destroy(door: Door) -> None:
    """Delete all that `up` and `table` have made, after asking."""
    stack, found = door.stack, door.tables()
    bucket = Bucket(door.session, door.account, stack.name)
    losses = [f"the table {each['TableName']} (about {each['ItemCount']} rows)" for each in found]
    if exists := stack.describe():
        losses.insert(0, f"the stack {stack.name}: its address, functions, logs and alarms")
    if bucket.exists:
        losses.append(f"the bucket {bucket.name} with the code")
    if not losses:
        print(f"Nothing of {stack.name} is there.")
        return
    print(f"This deletes, in account {door.account} and {door.session.region_name}, for good:")
    print("\n".join(f"  {loss}" for loss in losses))
    if not door.options.yes and input(f"Type {stack.name} to go on: ") != stack.name:
        raise DeployError("nothing was deleted; type the name as it stands there, or use YES=1")
    if exists:
        stack.delete()
    for table in door.tables():  # those that were not the stack's
        door.session.client("dynamodb").delete_table(TableName=table["TableName"])
    if bucket.exists:
        bucket.delete()
    print(f"{stack.name} is gone.")


def table(door: Door) -> None:
    """Make the tables of resources.json alone, for `chalice deploy`."""
    there = {each["TableName"] for each in door.tables()}
    for each in read_resources(door.config).tables():
        name = each["TableName"]
        if name not in there:
            create_tables([each])
        print(f"The table {name} is there.")


COMMANDS: dict[str, Callable[[Door], None]] = {
    "package": make_package,
    "up": up,
    "url": url,
    "logs": logs,
    "destroy": destroy,
    "table": table,
}


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("python -m deploy", description=__doc__, allow_abbrev=False)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, function in COMMANDS.items():
        add = commands.add_parser(name, help=function.__doc__, allow_abbrev=False).add_argument
        add("--stage", default="dev", help="of .chalice/config.json (%(default)s)")
        if name == "up":
            add("--bucket", help="yours, for the code; left out, one is made")
        if name in ("package", "up"):
            add("extras", nargs="*", help="X for resources/X.json")
        if name == "logs":
            add("--minutes", type=int, default=10, help="how far back (%(default)s)")
            add("--follow", action="store_true", help="go on until Ctrl-C")
        if name == "destroy":
            add("--yes", action="store_true", help="do not ask")
    return parser.parse_args()


def main() -> int:
    """Run a command; return the exit status."""
    options = arguments()
    try:
        COMMANDS[options.command](Door(options))
    except (AppError, DeployError) as error:
        print(f"error: {error}", file=sys.stderr)
    except (BotoCoreError, ClientError) as error:
        print(f"error: {explain(error)}", file=sys.stderr)
    except (EOFError, KeyboardInterrupt):
        print(file=sys.stderr)
    else:
        return 0
    return 1


if __name__ == "__main__":
    sys.exit(main())

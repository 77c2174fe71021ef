"""The commands, as the targets of the Makefile run them."""

import json
from collections.abc import Callable

from chalice_ws.deploy.account import allow_access_logs, find_tables
from chalice_ws.deploy.bucket import Bucket
from chalice_ws.deploy.context import Context
from chalice_ws.deploy.errors import DeployError
from chalice_ws.deploy.logs import print_log_group
from chalice_ws.deploy.package import Template, package
from chalice_ws.project.resources import create_tables, needed_extras, read_resources


def make_package(context: Context) -> None:
    """Write the template and the code to build/, without calls to AWS."""
    _package(context)
    print(f"Wrote {context.build_folder}/template.json.")


def deploy(context: Context) -> None:
    """Create or update the stack of the stage, and print its address."""
    stack = context.stack
    bucket = Bucket(context.session, context.account_id, stack.name, context.options.bucket)
    if not stack.exists() and (tables := find_tables(context.session, context.config)):
        problem = f"the table exists without a stack (got {tables[0]['TableName']!r})"
        raise DeployError(f"{problem}; run make destroy first, or use chalice deploy")
    template = _package(context)
    if not bucket.exists:
        bucket.create()
        print(f"Created the bucket {bucket.name} for the code; make destroy deletes it.")
    allow_access_logs(context.session, template)
    if not stack.apply(_upload(context, bucket, template)):
        print(f"No changes to the stack {stack.name}.")
    print_url(context)


def print_url(context: Context) -> None:
    """Print the address of the stage."""
    print(context.stack.outputs()["WebsocketConnectEndpointURL"].rstrip("/"))


def print_logs(context: Context) -> None:
    """Print the logs of the functions."""
    # Raises an error that names the missing stack.
    context.stack.outputs()
    group = context.stack.resources("AWS::Logs::LogGroup")["Logs"]
    options = context.options
    print_log_group(context.session.client("logs"), group, options.minutes, options.follow)


def destroy(context: Context) -> None:
    """Delete the stack, the table and the bucket of the stage, after asking."""
    stack, session = context.stack, context.session
    tables = find_tables(session, context.config)
    bucket = Bucket(session, context.account_id, stack.name)
    losses = [f"the table {each['TableName']} (about {each['ItemCount']} rows)" for each in tables]
    if stack_exists := stack.describe() is not None:
        losses.insert(0, f"the stack {stack.name}: its address, functions, logs and alarms")
    if bucket.exists:
        losses.append(f"the bucket {bucket.name} with the code")
    if not losses:
        print(f"{stack.name} does not exist.")
        return
    print(f"This deletes permanently, in account {context.account_id}, {session.region_name}:")
    print("\n".join(f"  {loss}" for loss in losses))
    if not context.options.yes:
        answer = input(f"Type {stack.name} to delete it: ")
        if answer != stack.name:
            problem = f"the name does not match, nothing was deleted (got {answer!r})"
            raise DeployError(f"{problem}; type {stack.name}, or use YES=1")
    if stack_exists:
        stack.delete()
    # The stack has deleted its own table by now. A table made by `make table` remains.
    for table in find_tables(session, context.config):
        session.client("dynamodb").delete_table(TableName=table["TableName"])
    if bucket.exists:
        bucket.delete()
    print(f"Deleted {stack.name}.")


def make_tables(context: Context) -> None:
    """Create only the tables of resources.json, for chalice deploy."""
    existing = {each["TableName"] for each in find_tables(context.session, context.config)}
    for table in read_resources(context.config).tables():
        name = table["TableName"]
        if name not in existing:
            create_tables([table])
        print(f"The table {name} exists.")


COMMANDS: dict[str, Callable[[Context], None]] = {
    "package": make_package,
    "deploy": deploy,
    "url": print_url,
    "logs": print_logs,
    "destroy": destroy,
    "table": make_tables,
}


def _package(context: Context) -> Template:
    extras = [*context.options.extras, *needed_extras(context.config)]
    return package(context.config, extras, context.build_folder)


def _upload(context: Context, bucket: Bucket, template: Template) -> str:
    """Upload the code and a template that refers to it. Return the template's URL."""
    for resource in template["Resources"].values():
        properties = resource.get("Properties", {})
        for name in {"CodeUri", "ContentUri"} & properties.keys():
            key = bucket.upload(context.build_folder / properties[name])
            properties[name] = {"Bucket": bucket.name, "Key": key}
    uploaded = context.build_folder / "uploaded.json"
    uploaded.write_text(json.dumps(template), encoding="utf-8")
    return bucket.url(bucket.upload(uploaded))

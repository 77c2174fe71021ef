"""The commands, as the targets of the Makefile run them."""

import json
import sys
from collections.abc import Callable

from chalice_ws.deploy import leftovers
from chalice_ws.deploy.account import allow_access_logs, find_rate_problem
from chalice_ws.deploy.bucket import Bucket
from chalice_ws.deploy.build import Template, build
from chalice_ws.deploy.context import Context
from chalice_ws.deploy.errors import DeployError
from chalice_ws.deploy.logs import print_log_group
from chalice_ws.deploy.page import write_page
from chalice_ws.deploy.sign_in import require_sign_in
from chalice_ws.deploy.targets import command
from chalice_ws.project.check.python_version import check_python
from chalice_ws.project.quotas import RATE_VARIABLE
from chalice_ws.project.resources import LOG_GROUP, TABLE, needed_extras, read_resources
from chalice_ws.project.tables import create_tables

# Chalice's outputs.
ADDRESSES = ("EndpointURL", "WebsocketConnectEndpointURL")


def make_package(context: Context) -> None:
    """Write the template and the code to build/, without calls to AWS."""
    _build(context)
    print(f"Wrote {context.build_folder}/template.json.")


def deploy(context: Context) -> None:
    """Create or update the stack of the stage, and print its address."""
    require_sign_in(context.config, _extras(context))
    stack = context.stack
    bucket = Bucket(context.session, context.account_id, stack.name, context.options.bucket)
    stack.require_updatable()
    _require_python(stack.exists())
    _require_no_leftovers(context)
    template = _build(context)
    rate = str(context.config.environment_variables.get(RATE_VARIABLE, ""))
    _warn(find_rate_problem(context.session, rate))
    if not bucket.exists:
        bucket.create()
        remove = command("destroy", context.options.stage)
        print(f"Created the bucket {bucket.name} for the code; {remove} deletes it.")
    allow_access_logs(context.session, template)
    if not stack.apply(_upload(context, bucket, template)):
        print(f"No changes to the stack {stack.name}.")
    print_url(context)


def print_url(context: Context) -> None:
    """Print the addresses of the stage: its APIs, then others by their outputs, such as sign-in."""
    outputs = context.stack.outputs()
    for name in filter(outputs.__contains__, ADDRESSES):
        print(outputs[name].rstrip("/"))
    for name in sorted(outputs.keys() - {*ADDRESSES}):
        if outputs[name].startswith(("https://", "wss://")):
            print(f"{name}: {outputs[name]}")


def print_logs(context: Context) -> None:
    """Print the logs of the functions."""
    # Raises an error that names the missing stack.
    context.stack.outputs()
    group = context.stack.resources(LOG_GROUP).get("Logs")
    if group is None:
        use = "add it to resources.json, as the template has it"
        raise DeployError(f"the stack has no log group Logs (got {context.stack.name}); {use}")
    options = context.options
    print_log_group(context.session.client("logs"), group, options.minutes, options.follow)


def destroy(context: Context) -> None:
    """Delete the stack, the tables and the bucket of the stage, after asking."""
    stack, session = context.stack, context.session
    is_created = stack.exists()
    retained = leftovers.retained_ids(context.config)
    own = stack.resources(TABLE) if is_created else {}
    own_tables = {name: logical_id in retained for logical_id, name in own.items()}
    existing = leftovers.find_existing(session, context.config, others=own_tables)
    # A retained resource outlives its stack in this run. The next run, without a stack, deletes it.
    kept = {each.name for each in existing if is_created and each.is_retained}
    bucket = Bucket(session, context.account_id, stack.name)
    losses = [each.description for each in existing if each.name not in kept]
    if is_created:
        losses.insert(0, f"the stack {stack.name}: its address, functions, logs and alarms")
        pools = stack.resources("AWS::Cognito::UserPool").values()
        losses += [f"the user pool {pool} with its people" for pool in pools]
    if bucket.exists:
        losses.append(f"the bucket {bucket.name} with the code")
    if not losses and not stack.has_description():
        print(f"{stack.name} does not exist.")
        return
    print(f"This deletes permanently, in account {context.account_id}, {session.region_name}:")
    print("\n".join(f"  {loss}" for loss in losses or [f"the empty stack {stack.name}"]))
    if not context.options.yes:
        answer = input(f"Type {stack.name} to delete it: ")
        if answer != stack.name:
            problem = f"the name does not match, nothing was deleted (got {answer!r})"
            raise DeployError(f"{problem}; type {stack.name}, or use YES=1")
    stack.delete()
    # The stack has deleted what it owns by now. Late logs may have created a log group again.
    remaining = leftovers.find_existing(session, context.config)
    leftovers.delete(session, [each for each in remaining if each.name not in kept])
    if bucket.exists:
        bucket.delete()
    print(f"Deleted {stack.name}.")
    found_again = {each.name for each in remaining}
    for name in sorted(kept):
        # A name that CloudFormation has made is known to the stack alone.
        by_hand = f"Delete it with: aws dynamodb delete-table --table-name {name}"
        again = f"Run {command('destroy', context.options.stage)} again to delete it."
        use = again if name in found_again else by_hand
        print(f"Kept {name}, by its DeletionPolicy. {use}")


def make_tables(context: Context) -> None:
    """Create only the tables and log groups of a stage, for chalice deploy."""
    found = leftovers.find_existing(context.session, context.config)
    existing = {each.name for each in found}
    for table in read_resources(context.config, context.options.extras).tables():
        name = table["TableName"]
        if name not in existing:
            create_tables([table])
        print(f"The table {name} exists.")
    # The functions may not create them.
    for name in leftovers.function_log_groups(context.config):
        if name not in existing:
            context.session.client("logs").create_log_group(logGroupName=name)
        print(f"The log group {name} exists.")


COMMANDS: dict[str, Callable[[Context], None]] = {
    "package": make_package,
    "deploy": deploy,
    "url": print_url,
    "page": write_page,
    "logs": print_logs,
    "destroy": destroy,
    "table": make_tables,
}


def _require_python(exists: bool) -> None:
    """Raise DeployError if Lambda refuses this Python, or print a warning."""
    python = check_python()
    if python.is_update_refused or (python.is_refused and not exists):
        raise DeployError(python.message)
    _warn(python.message)


def _warn(message: str) -> None:
    if message:
        print(f"warning: {message}", file=sys.stderr)


def _extras(context: Context) -> list[str]:
    return [*context.options.extras, *needed_extras(context.config)]


def _build(context: Context) -> Template:
    return build(context.config, _extras(context), context.build_folder)


def _require_no_leftovers(context: Context) -> None:
    """Raise DeployError for a table or a log group that exists, and that the stack would create."""
    stack = context.stack
    found = leftovers.find_existing(context.session, context.config, _extras(context))
    # Ask CloudFormation only if something was found. What the stack owns is no leftover.
    if found and stack.exists():
        own = {name for kind in (TABLE, LOG_GROUP) for name in stack.resources(kind).values()}
        found = [each for each in found if each.name not in own]
    if not found:
        return
    kind = "table" if found[0].kind == TABLE else "log group"
    names = ", ".join(repr(each.name) for each in found)
    if stack.exists():
        problem = f"the {kind} exists outside of the stack (got {names})"
        raise DeployError(f"{problem}; delete it, or import it in CloudFormation's console")
    problem = f"the {kind} exists without a stack (got {names})"
    remove = command("destroy", context.options.stage)
    use = f"run {remove} first" + (", or use chalice deploy" if kind == "table" else "")
    raise DeployError(f"{problem}; {use}")


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

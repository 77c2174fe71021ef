"""Check the sign-in of a stage."""

from collections.abc import Iterator
from pathlib import Path

from chalice.deploy.models import FileBasedIAMPolicy, ManagedIAMRole

from chalice_ws.project import sign_in
from chalice_ws.project.config import shown
from chalice_ws.project.page import SETTINGS, find_wrong_client, read_page_settings
from chalice_ws.project.policy_files import read_statements
from chalice_ws.project.stage import Stage


def check_sign_in(stage: Stage) -> Iterator[str]:
    """Yield what sign-in lacks. check_variables reports its settings."""
    if "AUTH" not in stage.readers or sign_in.CONNECT not in stage.functions:
        return
    resources = stage.read_resources()
    names = (sign_in.CONNECT, sign_in.MESSAGE)
    variables, of_message = (
        sign_in.function_variables(stage.config, resources, name) for name in names
    )
    folder = Path(stage.config.project_dir)
    if (folder / SETTINGS).exists():
        settings = read_page_settings(folder / SETTINGS)
        yield from (f"{stage.where}: {each}" for each in find_wrong_client(settings, variables))
    for problem in (
        *sign_in.find_other_mode(variables, of_message),
        *sign_in.find_missing_packages(variables, folder),
    ):
        yield f"{stage.where}: {problem}"
    role = stage.functions[sign_in.CONNECT].role
    if isinstance(role, ManagedIAMRole) and isinstance(role.policy, FileBasedIAMPolicy):
        path = Path(role.policy.filename)
        # check_policies reports a file that is missing.
        if path.exists():
            statements = [*read_statements(path), *sign_in.role_statements(resources.content)]
            yield from sign_in.find_missing_grant(variables, statements, str(shown(path)))

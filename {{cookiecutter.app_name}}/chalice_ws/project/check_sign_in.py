"""Check the sign-in of a stage."""

from collections.abc import Iterator
from pathlib import Path

from chalice_ws.project import sign_in
from chalice_ws.project.page import SETTINGS, find_wrong_client, read_page_settings
from chalice_ws.project.stage import Stage


def check_sign_in(stage: Stage) -> Iterator[str]:
    """Yield what sign-in lacks. check_variables reports its settings."""
    if "AUTH" not in stage.readers or sign_in.CONNECT not in stage.functions:
        return
    resources = stage.read_resources()
    path = Path(stage.config.project_dir) / SETTINGS
    if path.exists():
        settings = read_page_settings(path)
        variables = sign_in.function_variables(stage.config, resources, sign_in.CONNECT)
        yield from (f"{stage.where}: {each}" for each in find_wrong_client(settings, variables))
    yield from sign_in.find_faults(stage.config, resources, stage.policy_file(sign_in.CONNECT))

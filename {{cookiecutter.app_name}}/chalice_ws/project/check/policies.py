"""Check the policy files of the functions: their form, and the names of their actions."""

from collections.abc import Iterator

from chalice_ws.project.check.stage import Stage
from chalice_ws.project.config import Advice, AppError, as_list, read_json, shown
from chalice_ws.project.permissions.iam_names import check_action
from chalice_ws.project.permissions.policy_files import ACTION, find_faults, read_statements


def check_policy_files(stage: Stage) -> Iterator[str]:
    """Yield faults for which AWS would refuse a policy file."""
    for path in stage.policy_files():
        for problem in find_faults(read_json(path)):
            yield f"{shown(path)}: {problem}"


def check_action_names(stage: Stage) -> Iterator[str]:
    """Yield actions of policy files that AWS does not have. It takes them, and ignores them."""
    for path in stage.policy_files():
        names = [name for each in read_statements(path) for name in as_list(each.get("Action"))]
        for name in dict.fromkeys(map(str, names)):
            try:
                if ACTION.fullmatch(name) and "?" not in name and not name.startswith("*"):
                    service, _, action = name.partition(":")
                    check_action(f"{service.lower()}:{action}")
            except AppError as error:
                yield Advice(f"{shown(path)}: {error}")

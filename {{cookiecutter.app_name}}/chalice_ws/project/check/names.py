"""Check the names of the settings in .chalice/config.json: Chalice ignores unknown ones."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from difflib import get_close_matches
from functools import cache
from typing import Any

from chalice.config import Config

from chalice_ws.project.config import CONFIG, FUNCTION, STAGE, STAGE_FUNCTION, TOP, levels


class _Recorder(dict[str, Any]):
    """Settings that record the names which Chalice looks up."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(settings)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


@cache
def accepted_names() -> dict[str, set[str]]:
    """Return the names of the settings that Chalice looks up, by level of config.json.

    Chalice has no list of them: the properties of its Config are read, and the lookups recorded.
    """
    of_stage = _Recorder(lambda_functions=_Recorder(f=(stage_function := _Recorder())))
    function = _Recorder()
    top = _Recorder(stages=_Recorder(s=of_stage), lambda_functions=_Recorder(f=function))
    config = Config("s", "f", config_from_disk=top)
    for name, attribute in vars(Config).items():
        if isinstance(attribute, property):
            # The property chalice_app raises: no app is loaded.
            with suppress(TypeError):
                getattr(config, name)
    return {
        # Chalice's command line sets these two.
        TOP: top.names - {"chalice_app", "project_dir"},
        STAGE: of_stage.names,
        FUNCTION: function.names,
        STAGE_FUNCTION: stage_function.names,
    }


def check_names(
    content: dict[str, Any], python_names: Mapping[str, str] | None = None
) -> Iterator[str]:
    """Yield names in config.json that Chalice would ignore.

    Args:
        content: the content of config.json.
        python_names: the functions' names in Python by Chalice's. None: the app does not import.
    """
    if not content.get("app_name"):
        yield f'{CONFIG}: app_name is missing; add "app_name": "NAME"'
    for where, level, settings in levels(content):
        for name in sorted(settings.keys() - accepted_names()[level]):
            yield f"{CONFIG}: Chalice ignores {where}{name}; {_advice(name, where, level)}"
        if python_names is None:
            continue
        for name in sorted(settings.get("lambda_functions", {}).keys() - python_names.keys()):
            known = [each for each, python_name in python_names.items() if python_name == name]
            use = known[0] if known else f"one of {', '.join(python_names)}"
            what = f"{where}lambda_functions has an unknown function (got {name!r})"
            yield f"{CONFIG}: {what}; use {use}"


def _advice(name: str, where: str, level: str) -> str:
    accepted = accepted_names()
    if name in accepted[STAGE_FUNCTION] and level == FUNCTION:
        return f"move it to stages.STAGE.{where}{name}"
    if name in accepted[STAGE]:
        return "move it to a stage"
    if name in accepted[TOP]:
        return "move it to the top"
    for likely in get_close_matches(name, sorted(accepted[level]), 1, 0.5):
        return f"use {likely}, or remove it"
    return "remove it; a resource file can set other properties of a function"

"""A stage of an app, as Chalice would deploy it."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from chalice import Chalice
from chalice.config import Config
from chalice.deploy.appgraph import ApplicationGraphBuilder, ChaliceBuildError
from chalice.deploy.models import FileBasedIAMPolicy, LambdaFunction, Model

from chalice_ws.project.actions import registered_actions
from chalice_ws.project.app_settings import Readers, setting_readers
from chalice_ws.project.config import CONFIG, AppError, place_of, read_config
from chalice_ws.project.load import load_app
from chalice_ws.project.resources import Resources, read_resources


@dataclass(frozen=True)
class Stage:
    """A stage of an app.

    Args:
        config: the settings of the stage.
        app: the imported app.
        functions: the Lambda functions by the name that Chalice gives to each.
        readers: the functions that read an environment variable, as `setting_readers` returns them.
        actions: the names of the actions that chalicelib/actions.py registers.
        extras: the names of the resource files that the stage gets beside resources.json.
    """

    config: Config
    app: Chalice
    functions: dict[str, LambdaFunction]
    readers: Readers
    actions: set[str]
    extras: Sequence[str] = ()

    @property
    def name(self) -> str:
        """The name of the stage."""
        return str(self.config.chalice_stage)

    @property
    def follows_template(self) -> bool:
        """True for an app of this template: its chalicelib/settings.py has READERS."""
        return bool(self.readers)

    @property
    def where(self) -> str:
        """The place of the stage's settings, for messages."""
        return place_of(self.name)

    def settings(self, function: str) -> Config:
        """Return the settings of a function."""
        return self.config.scope(self.name, function)

    def policy_file(self, function: str) -> Path | None:
        """Return the policy file that Chalice uses for a function. None: it uses no file."""
        policy = getattr(self.functions[function].role, "policy", None)
        return Path(policy.filename) if isinstance(policy, FileBasedIAMPolicy) else None

    def policy_files(self) -> list[Path]:
        """Return the policy files that exist. `check_policies` reports one that is missing."""
        files = {self.policy_file(name) for name in self.functions} - {None}
        return sorted(path for path in files if path and path.exists())

    def read_resources(self) -> Resources:
        """Read the resource files of the stage; raises AppError."""
        return read_resources(self.config, self.extras)

    def python_names(self) -> dict[str, str]:
        """Return the functions' names in Python, which differ from Chalice's for WebSockets."""
        return {
            name: each.handler.rpartition(".")[2] if name.startswith("websocket_") else name
            for name, each in self.functions.items()
        }


def load_stage(project_dir: Path, name: str, extras: Sequence[str] = ()) -> Stage:
    """Import an app with the environment variables of a stage.

    Args:
        extras: as in Stage.

    Raises:
        AppError: the app does not import, or Chalice refuses its settings.
    """
    variables = read_config(project_dir, name).environment_variables.items()
    os.environ.update({key: value for key, value in variables if isinstance(value, str)})
    app = load_app(project_dir)
    config = read_config(project_dir, name, app)
    try:
        application = ApplicationGraphBuilder().build(config, name)
    except ChaliceBuildError as error:
        raise AppError(f"Chalice refuses the app (got {error}); correct {CONFIG}") from None
    # Chalice raises KeyError, TypeError and others for settings of another form.
    except Exception as error:
        got = f"{type(error).__name__}: {error}"
        raise AppError(f"Chalice cannot read the settings (got {got}); correct {CONFIG}") from None
    functions = {each.resource_name: each for each in _functions(application)}
    return Stage(config, app, functions, setting_readers(), registered_actions(), extras)


def _functions(model: Model) -> Iterator[LambdaFunction]:
    if isinstance(model, LambdaFunction):
        yield model
    for each in model.dependencies():
        yield from _functions(each)

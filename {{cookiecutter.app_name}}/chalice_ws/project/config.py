"""The settings of a Chalice app, as Chalice reads them."""

import json
from pathlib import Path

from chalice.config import Config
from chalice.constants import DEFAULT_STAGE_NAME


class AppError(Exception):
    """The app cannot be served; the message says why in one line."""


def read_config(project_dir: Path, stage: str) -> Config:
    """Read .chalice/config.json as Chalice does; raises AppError."""
    path = project_dir / ".chalice" / "config.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AppError(f"no Chalice app in {project_dir}: no .chalice/config.json") from None
    except ValueError as error:
        raise AppError(f"{path} is not JSON: {error}") from None
    if not isinstance(content, dict):
        raise AppError(f"{path} is not a JSON object")
    stages = content.get("stages") or {}
    if stage not in stages and stage != DEFAULT_STAGE_NAME:
        raise AppError(f"no stage {stage!r} in {path}; use one of {', '.join(stages)}")
    defaults = {"project_dir": str(project_dir), "api_gateway_stage": "api"}
    return Config(chalice_stage=stage, config_from_disk=content, default_params=defaults)

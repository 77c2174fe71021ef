"""Resource files in YAML, with the short forms of CloudFormation's functions, such as `!Sub`."""

from pathlib import Path
from typing import Any

import yaml

from chalice_ws.project.config import AppError, shown

SUFFIXES = (".yaml", ".yml")


class _Loader(yaml.SafeLoader):  # type: ignore[misc, unused-ignore]
    """A loader of its own: yaml.SafeLoader also reads the app's files."""


def read_yaml(path: Path) -> dict[str, Any]:
    """Read a file that holds one YAML object, with each function in its long form.

    Raises:
        AppError: the file cannot be read, or holds anything else.
    """
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise AppError(f"{shown(path)} cannot be read (got {error.strerror}); restore it") from None
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        got = " ".join(str(error).split())
        raise AppError(f"{shown(path)} is not valid YAML (got {got}); correct it") from None
    if not isinstance(content, dict):
        got = type(content).__name__
        raise AppError(f"{shown(path)} is not a YAML object (got a {got}); use Resources: {{}}")
    return content


def _function(loader: yaml.SafeLoader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_scalar(node)
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


def _text(loader: yaml.SafeLoader, node: yaml.Node) -> Any:
    return loader.construct_scalar(node)


_Loader.add_multi_constructor("!", _function)
# CloudFormation's dates, such as a policy's Version, are text.
_Loader.add_constructor("tag:yaml.org,2002:timestamp", _text)

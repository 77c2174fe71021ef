"""The resource files of an app: each is a part of its CloudFormation template.

resources.json applies to each stage, or else resources.yaml. A file X.json in the folder resources/
applies to the stages that name X among their extras.
"""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from chalice_ws.project.config import AppError, read_json, shown
from chalice_ws.project.yaml_files import SUFFIXES, read_yaml

# https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/template-anatomy.html
# Globals is SAM's.
_SECTIONS = {
    *("AWSTemplateFormatVersion", "Conditions", "Description", "Globals", "Mappings", "Metadata"),
    *("Outputs", "Parameters", "Resources", "Rules", "Transform"),
}


def resource_files(project: Path, extras: Iterable[str]) -> list[Path]:
    """Return the resource files of an app: resources.json, then resources/X.json for each extra X.

    resources.yaml stands in for resources.json. An app without both has no resources of its own.

    Raises:
        AppError: an extra has no file.
    """
    bases = [project / f"resources{suffix}" for suffix in (".json", *SUFFIXES)]
    paths = [base for base in bases if base.exists()][:1]
    for name in dict.fromkeys(extras):
        path = project / "resources" / f"{name}.json"
        if not path.exists():
            known = sorted(each.stem for each in path.parent.glob("*.json"))
            use = f"use some of {', '.join(known)}" if known else "add the file"
            raise AppError(f"the resource file does not exist (got {str(shown(path))!r}); {use}")
        paths.append(path)
    return paths


def read_resource_file(path: Path) -> dict[str, Any]:
    """Read a resource file. The result always has Resources, an object of objects.

    Raises:
        AppError: the file cannot be read, or is not a template.
    """
    read = read_yaml if path.suffix in SUFFIXES else read_json
    content = {"Resources": {}, **read(path)}
    for name in content.keys() - _SECTIONS:
        use = get_close_matches(name, _SECTIONS, 1, 0)[0]
        raise AppError(f"{shown(path)} has an unknown section (got {name!r}); use {use}")
    resources = content["Resources"]
    if not isinstance(resources, dict):
        raise AppError(f"{shown(path)}: Resources is not an object; use {{}}")
    for name, resource in resources.items():
        if not isinstance(resource, dict) or not isinstance(resource.get("Properties", {}), dict):
            use = 'use {"Type": "...", "Properties": {}}'
            raise AppError(f"{shown(path)}: {name} is not a resource (got {resource!r}); {use}")
    return content


def merge(old: Any, new: Any) -> Any:
    """Return `old` with `new` merged into it: objects by key, any other value replaced.

    Chalice merges the file of `chalice package --merge-template` the same way.
    """
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return new
    return {**old, **{key: merge(old.get(key), value) for key, value in new.items()}}

"""What resources.json, the part of the CloudFormation template that is the owner's, means here."""

import json
from pathlib import Path
from typing import Any

TABLE = "AWS::DynamoDB::Table"


class Template:
    """A CloudFormation template.

    Args:
        path: the file; where there is none, the template is empty.
        stack: what ${AWS::StackName} stands for.

    Raises:
        ValueError: the file is not JSON, or no template.
    """

    def __init__(self, path: Path, stack: str) -> None:
        content = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        try:
            self._resources = {**content.get("Resources", {})}
            self._names = {"AWS::StackName": stack}
            for logical_id, properties in self._properties(TABLE):
                name = self._resolve(properties.get("TableName", f"{stack}-{logical_id}"))
                self._names[logical_id] = name
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"not of a template's form: {error!r}") from None

    def tables(self) -> list[dict[str, Any]]:
        """The properties of each table, its name among them."""
        return [
            {**self._resolve(properties), "TableName": self._names[logical_id]}
            for logical_id, properties in self._properties(TABLE)
        ]

    def variables(self, logical_id: str) -> dict[str, str]:
        """The environment that the template gives to a function, beside the settings."""
        properties = self._resources.get(logical_id, {}).get("Properties", {})
        variables = self._resolve(properties.get("Environment", {}).get("Variables", {}))
        return {name: value for name, value in variables.items() if isinstance(value, str)}

    def _properties(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        # A resource that patches one of Chalice's has no type.
        found = self._resources.items()
        return [(name, each["Properties"]) for name, each in found if each.get("Type") == kind]

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._resolve(each) for each in value]
        if not isinstance(value, dict):
            return value
        if value.keys() == {"Ref"}:
            return self._names.get(value["Ref"], value)
        if value.keys() == {"Fn::Sub"} and isinstance(value["Fn::Sub"], str):
            text = value["Fn::Sub"]
            for name, replacement in self._names.items():
                text = text.replace(f"${{{name}}}", replacement)
            return text
        return {key: self._resolve(each) for key, each in value.items()}

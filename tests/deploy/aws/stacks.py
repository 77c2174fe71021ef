"""Stacks: resources are created in the order of their references, and deleted at the end.

moto creates resources in the order of the template, deletes before it adds, ignores unknown types,
and lacks the SAM transform.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

import boto3
from botocore.exceptions import ClientError
from moto.cloudformation import models, parsing, responses
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import CloudFormationBackend
from moto.cloudformation.parsing import ResourceMap
from moto.core.exceptions import ServiceException
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator

Template = dict[str, Any]


def translate(template: Template, region: str) -> Template:
    """Return a template after the SAM transform."""
    if "Transform" not in template:
        return template
    translator = Translator({}, Parser(), boto_session=boto3.session.Session(region_name=region))
    plain: Template = translator.translate(json.loads(json.dumps(template)), {})
    return {key: value for key, value in plain.items() if key != "Transform"}


def references(value: Any) -> Iterator[str]:
    """Yield the logical ids that a part of a template refers to."""
    if isinstance(value, list):
        for member in value:
            yield from references(member)
    elif isinstance(value, dict):
        for key, member in value.items():
            if key == "Ref":
                yield member
            elif key == "Fn::GetAtt":
                yield member.split(".")[0] if isinstance(member, str) else member[0]
            elif key == "Fn::Sub":
                text, *rest = member if isinstance(member, list) else [member]
                yield from re.findall(r"\$\{([A-Za-z0-9]+)[.}]", text)
                yield from references(rest)
            elif key == "DependsOn":
                yield from member if isinstance(member, list) else [member]
            else:
                yield from references(member)


def ordered(resources: Template) -> list[str]:
    """Return the logical ids, each after those that it refers to."""
    order: dict[str, None] = {}

    def visit(name: str) -> None:
        if name in resources and name not in order:
            for other in references(resources[name]):
                if other != name:
                    visit(other)
            order[name] = None

    for name in resources:
        visit(name)
    return list(order)


class Failed(ValidationError):
    """An error: a resource cannot be created or updated."""

    def __init__(self, name: str, kind: str, reason: str):
        super().__init__(message=f"{name} ({kind}): {reason}")
        self.name, self.kind, self.reason = name, kind, reason


def update(self: ResourceMap, template: Template, parameters: dict[str, Any] | None = None) -> None:
    """Create new resources and update changed ones, in order. Delete the others at the end.

    Raises:
        Failed: a resource failed. The changes before it remain.
    """
    wanted = template["Resources"]
    for name, resource in wanted.items():
        if resource["Type"] not in parsing.get_model_map():
            raise Failed(name, resource["Type"], "the simulated AWS does not have this type")
    current, self._template, self._resource_json_map = self._resource_json_map, template, wanted
    self.input_parameters = parameters or self.input_parameters
    self.load()
    self._resource_json_map = current = dict(current)
    replaced: dict[str, Any] = {}
    for name in ordered(wanted):
        before, current[name] = current.get(name), wanted[name]
        try:
            if before is None:
                self[name]
            elif before != wanted[name] or replaced.keys() & set(references(wanted[name])):
                old = self._parsed_resources[name]
                arguments = (name, wanted[name], self, self._account_id, self._region_name)
                self._parsed_resources[name] = parsing.parse_and_update_resource(*arguments)
                if self._parsed_resources[name] is not old:
                    replaced[name] = (old, before)
        except (ClientError, ServiceException) as error:
            if before is None:
                del current[name]
            else:
                current[name] = before
            raise Failed(name, wanted[name]["Type"], str(error)) from error
    for old, resource in reversed(replaced.values()):
        self._delete_resource(old, resource)
    for name in reversed(ordered(current)):
        if name not in wanted:
            self._delete_resource(self._parsed_resources.pop(name), current.pop(name))


def create(self: ResourceMap, template: Template) -> bool:
    """Create all resources, as `update` does."""
    self._resource_json_map = {}
    update(self, template)
    return True


def delete(self: ResourceMap) -> None:
    """Delete all resources, each before those that it refers to."""
    for name in reversed(ordered(self._resource_json_map)):
        if self._resource_json_map[name].get("DeletionPolicy") != "Retain":
            self._delete_resource(self._parsed_resources.pop(name), self._resource_json_map[name])


def install() -> None:
    """Replace moto's operations."""
    ResourceMap.create, ResourceMap.update, ResourceMap.delete = create, update, delete
    for name in ("create_stack", "update_stack", "create_change_set"):
        _translate_templates_of(name)
    # moto finds the bucket in the path of a URL only if the host is localhost.
    read = responses.get_stack_from_s3_url
    responses.get_stack_from_s3_url = lambda url, **options: read(
        url.replace("//127.0.0.1:", "//localhost:"), **options
    )


def _translate_templates_of(name: str) -> None:
    given = getattr(CloudFormationBackend, name)

    def translated(self: CloudFormationBackend, *arguments: Any, **options: Any) -> Any:
        template = models.Stack.parse_template(options["template"])
        options["template"] = json.dumps(translate(template, self.region_name))
        return given(self, *arguments, **options)

    setattr(CloudFormationBackend, name, translated)

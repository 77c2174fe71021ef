"""The calls to AWS in the source of an app, by the function of the app that makes them.

Strategy: nothing is run. Each module of the app is parsed, and split into units: its functions, its
classes, their methods, its variables, and its other lines. A unit refers to the units whose names
it has, also those of other modules. A method is called if its class and an attribute of its name
occur. An expression is a client if boto3 made it with a constant name of the
service, or if it is a name, an attribute or a result of a function that has such a value. What
cannot be told from the source is left out.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from chalice_ws.project.config import shown
from chalice_ws.project.permissions.source import (
    Function,
    Part,
    Unit,
    assigned_values,
    local_names,
    read_modules,
    root_name,
)

# The methods that make clients and resources, of a module or a session.
MAKERS = ("client", "resource")

# boto3's name of @connections.
MANAGEMENT_API = "apigatewaymanagementapi"


class Client(NamedTuple):
    """A value that calls AWS: a client or a resource of a service."""

    service: str
    is_resource: bool


class Call(NamedTuple):
    """A call of a method, and its place."""

    service: str
    is_resource: bool
    method: str
    place: str


class Calls:
    """The calls of an app.

    Args:
        project_dir: the folder of app.py.
    """

    def __init__(self, project_dir: Path) -> None:
        self._modules = read_modules(project_dir)

    def of(self, module: str, name: str) -> Iterator[Call]:
        """Yield the calls that a function of a module may make, also through other functions."""
        seen: set[Unit] = set()
        attributes: set[str] = set()
        waiting = {(module, name), (module, "")}
        while waiting:
            seen |= waiting
            for unit in sorted(waiting):
                for node, scope in self._parts(unit):
                    yield from self._calls(node, unit[0], scope)
                    attributes |= {a.attr for a in ast.walk(node) if isinstance(a, ast.Attribute)}
            found = {each for unit in waiting for each in self._references(unit)}
            waiting = (found | set(self._methods(seen | found, attributes))) - seen

    def _parts(self, unit: Unit) -> list[Part]:
        module = self._modules.get(unit[0])
        return module.units.get(unit[1], []) if module else []

    def _references(self, unit: Unit) -> Iterator[Unit]:
        module, name = unit
        for part, _ in self._parts(unit):
            nodes = [*ast.walk(part)]
            local = local_names(nodes) if name else set()
            found = [
                resolved
                for each in nodes
                if root_name(each) not in local
                if (resolved := self._resolve(each, module))
            ]
            yield from ((of, "") for of, _ in found)
            # The other lines of a module run at its import. They call a function where it stands in
            # a call, and not where they have its name alone, as in a dict.
            called = [self._resolve(n.func, module) for n in nodes if isinstance(n, ast.Call)]
            yield from found if name else filter(None, called)

    def _methods(self, units: set[Unit], attributes: set[str]) -> Iterator[Unit]:
        for module, name in units:
            for attribute in attributes:
                if self._parts((module, f"{name}.{attribute}")):
                    yield module, f"{name}.{attribute}"

    def _resolve(self, node: ast.AST, module: str) -> Unit | None:
        """Return the unit that a name or an attribute of a module stands for."""
        known = self._modules[module]
        if isinstance(node, ast.Name):
            if node.id in known.imports:
                return known.imports[node.id]
            return (module, node.id) if node.id in known.units else None
        if isinstance(node, ast.Attribute) and (of := self._resolve(node.value, module)):
            path = f"{of[0]}.{node.attr}"
            if not of[1]:
                return (path, "") if path in self._modules else (of[0], node.attr)
        return None

    def _calls(self, node: ast.AST, module: str, scope: ast.AST) -> Iterator[Call]:
        for each in ast.walk(node):
            if not (isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute)):
                continue
            client, method = self._client(each.func.value, module, scope), each.func.attr
            if client is None:
                continue
            if method == "get_paginator" and each.args and isinstance(each.args[0], ast.Constant):
                method = str(each.args[0].value)
            place = f"{shown(self._modules[module].path)}:{each.lineno}"
            yield Call(client.service, client.is_resource, method, place)

    def _client(
        self, node: ast.AST | None, module: str, scope: ast.AST, depth: int = 8
    ) -> Client | None:
        """Return the client that an expression is.

        Args:
            scope: the function, class or statement around the expression.
            depth: the maximum of names and calls to follow.
        """
        if node is None or not depth:
            return None
        if isinstance(node, ast.NamedExpr):
            return self._client(node.value, module, scope, depth - 1)
        if isinstance(node, ast.Call):
            if made := _made_client(node):
                return made
            if isinstance(node.func, ast.Attribute):
                of = self._client(node.func.value, module, scope, depth - 1)
                if of and of.is_resource and node.func.attr[:1].isupper():
                    # Such as Table("rooms") of a resource.
                    return of
            unit = self._resolve(node.func, module)
            results = [
                each.value
                for function, _ in (self._parts(unit) if unit else [])
                if isinstance(function, Function)
                for each in ast.walk(function)
                if isinstance(each, ast.Return)
            ]
            return self._first(results, unit, depth) if unit else None
        if isinstance(node, ast.Name | ast.Attribute):
            if values := assigned_values(scope, node):
                found = (self._client(each, module, scope, depth - 1) for each in values)
                return next(filter(None, found), None)
            if unit := self._resolve(node, module):
                variables = [
                    getattr(each, "value", None)
                    for each, _ in self._parts(unit)
                    if unit[1] and isinstance(each, ast.Assign | ast.AnnAssign)
                ]
                return self._first(variables, unit, depth)
        return None

    def _first(self, values: list[ast.expr | None], unit: Unit, depth: int) -> Client | None:
        scopes = [scope for _, scope in self._parts(unit)]
        found = (
            self._client(value, unit[0], scope, depth - 1) for value in values for scope in scopes
        )
        return next(filter(None, found), None)


def _made_client(node: ast.Call) -> Client | None:
    # boto3.client("sqs"), or the same of a session.
    if not isinstance(node.func, ast.Attribute) or node.func.attr not in MAKERS:
        return None
    keywords = {each.arg: each.value for each in node.keywords}
    service = node.args[0] if node.args else keywords.get("service_name")
    if not isinstance(service, ast.Constant):
        return None
    # An address of its own is another server, such as an emulator. The management API has no other.
    if "endpoint_url" in keywords and service.value != MANAGEMENT_API:
        return None
    return Client(str(service.value), node.func.attr == "resource")

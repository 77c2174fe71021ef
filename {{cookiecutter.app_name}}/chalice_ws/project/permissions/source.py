"""The source of an app: its modules, each split into units that may refer to each other."""

import ast
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path

Function = ast.FunctionDef | ast.AsyncFunctionDef

# A module, and one of its names, such as "Rooms.add" of a method. An empty name: its other lines.
Unit = tuple[str, str]

# A part of a unit, and the function, class or statement around it.
Part = tuple[ast.AST, ast.AST]


@dataclass
class Module:
    """A module of an app.

    `imports` has the unit behind each name that the module imports. `units` has the parts of each
    of its own names.
    """

    path: Path
    imports: dict[str, Unit] = field(default_factory=dict)
    units: dict[str, list[Part]] = field(default_factory=dict)


def read_modules(project_dir: Path) -> dict[str, Module]:
    """Return the modules of an app by their names. One that is not valid Python is left out.

    Args:
        project_dir: the folder of app.py.
    """
    files = [project_dir / "app.py", *sorted(project_dir.glob("chalicelib/**/*.py"))]
    modules = {_module_name(path, project_dir): Module(path) for path in files}
    for name, module in list(modules.items()):
        try:
            tree = ast.parse(module.path.read_bytes())
        except (OSError, SyntaxError, ValueError):
            # The import of the app reports it.
            del modules[name]
            continue
        _split(name, module, tree, modules)
    return modules


def root_name(node: ast.AST) -> str:
    """Return the first name of a chain such as a.b.c, or an empty string."""
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def local_names(nodes: list[ast.AST]) -> set[str]:
    """Return the names that hide those of the module."""
    arguments = {each.arg for each in nodes if isinstance(each, ast.arg)}
    stored = {
        each.id for each in nodes if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    }
    shared = {name for each in nodes if isinstance(each, ast.Global) for name in each.names}
    return (arguments | stored) - shared


def assigned_values(scope: ast.AST, target: ast.Name | ast.Attribute) -> list[ast.expr]:
    """Return the values that a name or an attribute such as self.table gets in a scope."""
    wanted = ast.dump(target).replace("Load()", "Store()")
    values: list[ast.expr] = []
    for each in ast.walk(scope):
        if isinstance(each, ast.Assign):
            targets, value = each.targets, each.value
        elif isinstance(each, ast.AnnAssign | ast.NamedExpr) and each.value:
            targets, value = [each.target], each.value
        elif isinstance(each, ast.withitem) and each.optional_vars:
            targets, value = [each.optional_vars], each.context_expr
        else:
            continue
        if any(ast.dump(one).replace("Load()", "Store()") == wanted for one in targets):
            values.append(value)
    return values


def _split(name: str, module: Module, tree: ast.Module, names_of_modules: Container[str]) -> None:
    package = name if module.path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                target = each.name if each.asname else each.name.partition(".")[0]
                module.imports[each.asname or target] = (target, "")
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1]
            base = ".".join([*(parents if node.level else []), *filter(None, [node.module])])
            for each in node.names:
                is_module = f"{base}.{each.name}" in names_of_modules
                target_unit = (f"{base}.{each.name}", "") if is_module else (base, each.name)
                module.imports[each.asname or each.name] = target_unit
    for statement in tree.body:
        names = [""]
        if isinstance(statement, Function | ast.ClassDef):
            names = [statement.name] if isinstance(statement, Function) else []
            # A decorator is evaluated by the import.
            outer = [(each, statement) for each in statement.decorator_list]
            module.units.setdefault("", []).extend(outer)
        if isinstance(statement, ast.ClassDef):
            module.units[statement.name] = [(each, statement) for each in statement.bases]
            for member in statement.body:
                is_method = isinstance(member, Function) and not member.name.startswith("__")
                key = f"{statement.name}.{member.name}" if is_method else statement.name  # type: ignore[attr-defined]
                module.units.setdefault(key, []).append((member, statement))
        elif isinstance(statement, ast.Assign | ast.AnnAssign):
            targets = getattr(statement, "targets", None) or [statement.target]  # type: ignore[union-attr]
            names += [each.id for each in targets if isinstance(each, ast.Name)]
        for unit_name in names:
            module.units.setdefault(unit_name, []).append((statement, statement))


def _module_name(path: Path, project_dir: Path) -> str:
    parts = path.relative_to(project_dir).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

"""The import directions of the generated app, as CONTRIBUTING.md lists them."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

NOTHING: set[str] = set()

# The rooms that each room may import, beside itself.
DIRECTIONS = {
    "chalicelib.settings": NOTHING,
    "chalicelib.aws": NOTHING,
    "chalicelib.secret": {"chalicelib.aws", "chalicelib.settings"},
    "chalicelib.protocol": {"chalicelib.aws", "chalicelib.settings"},
    "chalicelib.identity": {
        "chalicelib.secret",
        "chalicelib.protocol",
        "chalicelib.aws",
        "chalicelib.settings",
    },
    "chalicelib.access": {"chalicelib.identity", "chalicelib.protocol"},
    "chalicelib.storage": {"chalicelib.protocol", "chalicelib.aws", "chalicelib.settings"},
    "chalicelib.sender": {"chalicelib.aws", "chalicelib.settings"},
    "chalicelib.delivery": {
        "chalicelib.storage",
        "chalicelib.sender",
        "chalicelib.protocol",
        "chalicelib.aws",
        "chalicelib.settings",
    },
    "chalicelib.replies": {"chalicelib.protocol"},
    "chalicelib.actions": {
        "chalicelib.replies",
        "chalicelib.delivery",
        "chalicelib.storage",
        "chalicelib.protocol",
        "chalicelib.access",
        "chalicelib.settings",
    },
    "app": {
        "chalicelib.actions",
        "chalicelib.access",
        "chalicelib.delivery",
        "chalicelib.storage",
        "chalicelib.identity",
        "chalicelib.protocol",
        "chalicelib.aws",
    },
    "chalice_ws.__version__": NOTHING,
    "chalice_ws.cli": {
        "chalice_ws.__version__",
        "chalice_ws.connect",
        "chalice_ws.local",
        "chalice_ws.project",
    },
    "chalice_ws.connect": {"chalice_ws.project"},
    "chalice_ws.__main__": {"chalice_ws.cli", "chalice_ws.project"},
    # Rooms within a room come first.
    "chalice_ws.project.check": {"chalice_ws.project", "chalice_ws.project.permissions"},
    "chalice_ws.project.permissions": {"chalice_ws.project"},
    "chalice_ws.project": NOTHING,
    "chalice_ws.local": {"chalice_ws.project"},
    "chalice_ws.deploy": {"chalice_ws.project", "chalice_ws.project.check"},
    # The descriptions of the actions: never deployed.
    "docs": {"chalicelib.actions", "chalicelib.replies", "chalicelib.protocol"},
}

# The packages that a room may import. The names missing here may import none.
AWS_PACKAGES = {"boto3", "botocore", "chalice"}
PACKAGES = {
    **dict.fromkeys(DIRECTIONS, AWS_PACKAGES),
    "chalicelib.settings": set(),
    "chalicelib.identity": {*AWS_PACKAGES, "cryptography", "jwt"},
    "chalice_ws.connect": {"websockets"},
    "chalice_ws.deploy": {*AWS_PACKAGES, "pathspec"},
    # Chalice depends on PyYAML.
    "chalice_ws.project": {*AWS_PACKAGES, "yaml"},
    "docs": {"yaml"},
    "chalice_ws.local": {
        *AWS_PACKAGES,
        "cryptography",
        "jwt",
        "aiohttp",
        "moto",
        "uvloop",
        "websockets",
        "werkzeug",
    },
}


def room_of(name: str) -> str | None:
    """Return the room of a module. None: the module is none of the app's."""
    found = [room for room in DIRECTIONS if name == room or name.startswith(f"{room}.")]
    return found[0] if found else None


def modules(app: Path) -> Iterator[tuple[str, Path]]:
    """Yield the name and the file of each module that the directions are about."""
    yield "app", app / "app.py"
    for package in ("chalicelib", "chalice_ws", "docs"):
        for path in (app / package).rglob("*.py"):
            parts = path.relative_to(app).with_suffix("").parts
            yield ".".join(parts).removesuffix(".__init__"), path


def imports(source: str) -> Iterator[str]:
    """Yield the full name of each import, those inside of functions too.

    `from a import b` gives `a.b`: b may be a module. `import_module("a")` gives `a`.
    """
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{'.' * node.level}{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and node.args:
            called = ast.unparse(node.func).rpartition(".")[2]
            name = getattr(node.args[0], "value", None)
            # The toolkit imports the app by its name.
            if called in {"import_module", "__import__"} and name != "app":
                yield from [name] if isinstance(name, str) else []


def forbidden(name: str, source: str) -> list[str]:
    """Return the imports of a module that its room may not have."""
    room = room_of(name)
    found = []
    for imported in imports(source):
        package = imported.partition(".")[0]
        if package in sys.stdlib_module_names:
            continue
        if package in ("app", "chalicelib", "chalice_ws", "docs"):
            allowed = room_of(imported) in {room, *DIRECTIONS.get(room or "", ())}
        else:
            allowed = package in PACKAGES.get(room or "", ())
        if not allowed:
            found.append(f"{name} imports {imported}")
    return found


def test_each_module_imports_only_what_its_room_may(app: Path) -> None:
    found = [line for name, path in modules(app) for line in forbidden(name, path.read_text())]
    assert not found, "\n".join(found)


def test_each_module_is_in_a_room(app: Path) -> None:
    names = {name for name, _ in modules(app)} - {"chalicelib", "chalice_ws"}
    assert {name for name in names if room_of(name) is None} == set()


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("chalicelib.settings", "import boto3"),
        ("chalicelib.settings", "from chalicelib import aws"),
        ("chalicelib.protocol.router", "from chalicelib.storage.table import call"),
        ("chalicelib.sender.pool", "def run():\n    import chalicelib.storage.table"),
        ("chalicelib.storage.table", "from chalicelib.delivery import pushes"),
        ("chalicelib.storage.table", "from ..delivery import pushes"),
        ("chalicelib.actions", "import requests"),
        ("chalicelib.actions", "from docs import schemas"),
        ("docs.schemas", "from chalicelib.storage import table"),
        ("app", "from chalicelib.sender import send"),
        ("chalice_ws.deploy.stack", "from chalice_ws.local import services"),
        ("chalice_ws.local.cli", "from chalicelib.settings import actions"),
        ("chalice_ws.project.check.command", "import app"),
        ("chalice_ws.project.config", "from chalice_ws.project.check import settings"),
        ("chalice_ws.project.permissions.grant", "from chalice_ws.project.check import policies"),
        ("chalicelib.storage.table", "import_module('chalicelib.delivery.pushes')"),
        ("chalicelib", "from chalicelib.actions import router"),
    ],
)
def test_wrong_import_is_found(name: str, source: str) -> None:
    assert forbidden(name, source) != []


@pytest.mark.parametrize(
    ("handler", "loaded"),
    [("app.connect", []), ("app.message", ["asyncio", "chalicelib.sender"])],
)
def test_connect_loads_neither_the_sender_nor_asyncio(
    app: Path, handler: str, loaded: list[str]
) -> None:
    """Lambda sets _HANDLER to the function that it starts."""
    names = ("asyncio", "chalicelib.sender")
    probe = f"import sys, app; print([name for name in {names} if name in sys.modules])"
    done = subprocess.run(
        ["env", f"_HANDLER={handler}", sys.executable, "-B", "-c", probe],
        cwd=app,
        capture_output=True,
        text=True,
    )
    assert (done.stdout, done.stderr) == (f"{loaded}\n", "")

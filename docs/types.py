"""Make the types of web/client/ from its comments: `make types`."""

import shutil
import subprocess
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
CLIENT = ROOT / "{{cookiecutter.app_name}}" / "web" / "client"
TYPES = CLIENT / "types"
OPTIONS = "--allowJs --checkJs --strict --declaration --emitDeclarationOnly"
LANGUAGE = "--target es2022 --module es2022 --lib es2024,dom,dom.iterable"


def make(tsc: list[str], folder: Path) -> None:
    """Write the types to a folder.

    Args:
        tsc: the command that runs TypeScript's compiler.
    """
    options = [*OPTIONS.split(), *LANGUAGE.split()]
    modules = [str(path) for path in sorted(CLIENT.glob("*.js"))]
    subprocess.run([*tsc, *options, "--outDir", str(folder), *modules], check=True)


def main() -> None:
    """Replace the types. npx installs the compiler."""
    with tempfile.TemporaryDirectory() as folder:
        make(["npx", "--yes", "--package=typescript@5", "tsc"], Path(folder))
        shutil.rmtree(TYPES, ignore_errors=True)
        shutil.copytree(folder, TYPES)


if __name__ == "__main__":
    main()

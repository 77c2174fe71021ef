"""Tests of web/client/ as a library: its types, and the examples of docs/page.md."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from docs.types import TYPES, make
from tests.conftest import RAW, files

pytestmark = pytest.mark.full

# The types of packages that the tests do not install.
AMBIENT = """
declare module "react" {
  export function useEffect(effect: () => () => void, dependencies: unknown[]): void;
  export function useState<T>(initial: T[]): [any[], (next: any) => void];
}
declare module "vue" {
  export function onUnmounted(run: () => void): void;
  export function shallowRef<T>(value: T[]): {value: any[]};
}
declare const process: {once(name: string, run: () => void): void};
"""

# Each name of an event has its own detail.
WRONG = """
import { Client } from "chalice-ws-client";
const client = new Client("wss://app.example/api");
// @ts-expect-error: no such event
client.addEventListener("mesage", () => {});
// @ts-expect-error: no such field
client.addEventListener("state", ({ detail }) => detail.retryMS);
// @ts-expect-error: no such member
client.channel("tea").addEventListener("presence", ({ detail }) => detail.member.nick);
client.addEventListener("presence", ({ detail }) => detail.member.name.length);
const options = { getToken: async () => null, storage: localStorage };
new Client(async () => "wss://app.example/api", options);
"""


def examples() -> list[tuple[str, str]]:
    """Return the language and the text of each example of docs/page.md."""
    text = (RAW / "docs" / "page.md").read_text()
    return re.findall(r"```(js|jsx)\n(.*?)```", text, re.DOTALL)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of an owner who has installed the client from its folder."""
    shutil.copytree(RAW / "web" / "client", tmp_path / "node_modules" / "chalice-ws-client")
    for number, (_, text) in enumerate(examples()):
        # In a function, an example can use await.
        (tmp_path / f"example{number}.ts").write_text(typed(text))
    (tmp_path / "ambient.d.ts").write_text(AMBIENT)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    return tmp_path


def typed(text: str) -> str:
    """Return an example as TypeScript: its parameters get types."""
    return text.replace("useChannel(url, name)", "useChannel(url: string, name: string)").replace(
        "(before) =>", "(before: any[]) =>"
    )


def test_examples_and_types_compile_under_strict(project: Path, node: Path) -> None:
    assert len(examples()) == 4
    (project / "wrong.ts").write_text(WRONG)
    tsc = str(node / "typescript" / "bin" / "tsc")
    options = "--noEmit --strict --target es2022 --module esnext --moduleResolution bundler"
    paths = [str(path) for path in project.glob("*.ts")]
    done = subprocess.run(
        [
            "node",
            tsc,
            *options.split(),
            "--lib",
            "es2024,dom",
            "--moduleDetection",
            "force",
            *paths,
        ],
        cwd=project,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_types_are_those_of_the_comments(tmp_path: Path, node: Path) -> None:
    make(["node", str(node / "typescript" / "bin" / "tsc")], tmp_path)
    assert files(tmp_path) == files(TYPES), "run make types"


def test_client_is_installed_from_a_git_address(tmp_path: Path, node: Path) -> None:
    app, project = tmp_path / "app", tmp_path / "project"
    shutil.copytree(RAW / "web", app / "web")
    project.mkdir()
    author = ["-c", "user.name=Ann", "-c", "user.email=ann@example.com"]
    for command in (
        ["git", "init", "--quiet"],
        ["git", "add", "."],
        ["git", *author, "commit", "--quiet", "--message=App"],
        ["git", "subtree", "split", "--prefix", "web/client", "--branch", "client"],
    ):
        subprocess.run(command, cwd=app, check=True, capture_output=True)
    install = ["npm", "install", "--offline", "--no-audit", f"git+file://{app}#client"]
    done = subprocess.run(install, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (project / "node_modules" / "chalice-ws-client" / "types" / "client.d.ts").exists()


def test_client_is_bundled_by_esbuild_and_vite(project: Path, node: Path) -> None:
    (project / "index.html").write_text('<script type="module" src="example0.ts"></script>')
    esbuild = [str(node / ".bin" / "esbuild"), "example0.ts", "--bundle", "--format=esm"]
    vite = ["node", str(node / "vite" / "bin" / "vite.js"), "build", "--target=esnext"]
    for command, output in (([*esbuild, "--outdir=out"], "out"), (vite, "dist")):
        done = subprocess.run(command, cwd=project, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert any("chalice-ws.v1" in path.read_text() for path in (project / output).rglob("*.js"))

"""The pictures of the parts, beside the parts and the imports that test_rooms.py allows."""

import re
from pathlib import Path

import pytest

from tests.conftest import RAW, ROOT
from tests.template.test_rooms import DIRECTIONS

PAGES = {
    "chalicelib": RAW / "docs" / "architecture.md",
    "chalice_ws": ROOT / "docs" / "architecture.md",
}


def allowed(package: str) -> dict[str, set[str]]:
    """Return what each part of a package may import, without the package's name."""
    parts = {
        name: imported
        for name, imported in DIRECTIONS.items()
        if name == "app" or re.match(rf"{package}\.[a-z]", name)
    }
    return {
        name.rpartition(".")[2]: {each.rpartition(".")[2] for each in imported}
        for name, imported in parts.items()
        if package == "chalicelib" or name != "app"
    }


def reachable(arrows: dict[str, set[str]], start: str) -> set[str]:
    """Return the parts that a path of arrows leads to."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for each in arrows.get(waiting.pop(), set()) - found:
            found.add(each)
            waiting.append(each)
    return found


@pytest.mark.parametrize("package", PAGES)
def test_picture_has_each_part_and_its_imports(package: str) -> None:
    """An arrow that a longer way implies may be missing."""
    pictures = re.findall(r"```mermaid\nflowchart TB\n(.*?)```", PAGES[package].read_text(), re.S)
    (picture,) = pictures
    arrows: dict[str, set[str]] = {}
    for source, target in re.findall(r"^ +(\w+) --> (\w+)$", picture, re.MULTILINE):
        arrows.setdefault(source, set()).add(target)
    parts = allowed(package)
    assert set(re.findall(r"^ +(\w+)\[", picture, re.MULTILINE)) == parts.keys()
    for part, imported in parts.items():
        assert arrows.get(part, set()) <= imported, part
        assert imported - {"__version__"} <= reachable(arrows, part), part


@pytest.mark.parametrize("page", PAGES.values())
def test_each_file_that_a_page_names_exists(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S)
    named = re.findall(r"`(\.?[a-z_]+(?:/[a-z_]+)*(?:/|\.(?:py|json|md|yaml|toml)))`", text)
    places = [RAW, RAW / "chalicelib", RAW / "chalice_ws", RAW / "chalice_ws" / "local", ROOT]
    assert named
    assert [each for each in named if not any((place / each).exists() for place in places)] == []


def test_folders_of_the_local_gateway_are_in_its_picture() -> None:
    text = PAGES["chalice_ws"].read_text()
    folders = [path.name for path in (RAW / "chalice_ws" / "local").iterdir() if path.is_dir()]
    assert [each for each in folders if f'{each}["{each}/' not in text] == []

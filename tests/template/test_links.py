"""The links of the documents: files, headings, and the list of outside links."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from docs import links
from tests.conftest import ROOT

DOCUMENTS = links.documents(ROOT)


def anchors(path: Path) -> set[str]:
    """Return the anchors of a document's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-")
        number = sum(each == slug or each.startswith(f"{slug}-") for each in found)
        found.add(slug if slug not in found else f"{slug}-{number}")
    return found | set(re.findall(r'<a (?:id|name)="([^"]+)"', text))


def broken(path: Path, target: str) -> str | None:
    """Return what is wrong with a link of a document. None: it leads somewhere, or outside."""
    if re.match(r"[a-z]+:", target):
        return None
    name, _, anchor = unquote(target).partition("#")
    linked = (path.parent / name).resolve() if name else path
    if not linked.exists():
        return f"{path.relative_to(ROOT)}: {target} does not exist"
    if anchor and anchor not in anchors(linked):
        return f"{path.relative_to(ROOT)}: {target} has no such heading"
    return None


def test_each_link_leads_to_a_file_and_a_heading() -> None:
    found = [broken(path, target) for path in DOCUMENTS for target in links.targets(path)]
    assert len(found) > 80
    assert [each for each in found if each] == []


@pytest.mark.parametrize(
    ("target", "wrong"),
    [
        ("docs/start.md", False),
        ("docs/start.md#get-updates", False),
        ("#compare", False),
        ("docs/stop.md", True),
        ("docs/start.md#get-more", True),
        ("#contrast", True),
    ],
)
def test_link_is_checked(target: str, wrong: bool) -> None:
    assert (broken(ROOT / "README.md", target) is not None) == wrong


@pytest.mark.full
def test_outside_links_are_listed() -> None:
    """`make links` asks the pages of the list."""
    listed = set(links.LIST.read_text().split())
    assert listed ^ set(links.outside_links(ROOT)) == set(), "write the list: python -m docs.links"

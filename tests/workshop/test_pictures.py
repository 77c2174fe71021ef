"""The pictures of the lessons, drawn from docs/workshop/pictures.txt."""

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from docs.workshop.pictures import PICTURES, draw
from tests.workshop.pages import PAGES, WORKSHOP

SVG = "{http://www.w3.org/2000/svg}"


def code(svg: str) -> set[str]:
    """Return the texts of a picture that are code."""
    spans = ElementTree.fromstring(svg).iter(f"{SVG}tspan")
    return {each.text or "" for each in spans if each.get("class") == "code"}


def test_each_page_has_its_picture() -> None:
    assert [page.stem for page in PAGES] == list(PICTURES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_picture_is_drawn_from_its_description_and_its_names_are_true(page: Path) -> None:
    text = page.read_text()
    assert f"(pictures/{page.stem}.svg)" in text
    svg = (WORKSHOP / "pictures" / f"{page.stem}.svg").read_text()
    assert svg == draw(PICTURES[page.stem]), "run python -m docs.workshop.pictures"
    assert "prefers-color-scheme: dark" in svg
    app = "\n".join(
        path.read_text() for path in (WORKSHOP / page.stem).rglob("*") if path.is_file()
    )
    unknown = {name for name in code(svg) if name not in text and name not in app}
    assert not unknown, f"the page and the app have no {unknown}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_arrow_of_a_picture_starts_and_ends_at_a_column(page: Path) -> None:
    picture = PICTURES[page.stem]
    for arrow in picture.arrows:
        assert {arrow.start, arrow.end} <= set(range(len(picture.columns))), arrow


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_function_of_a_picture_is_a_function_of_the_app(page: Path) -> None:
    app = (WORKSHOP / page.stem / "app.py").read_text()
    named = {
        name
        for column in PICTURES[page.stem].columns
        if "function" in column or "process" in column
        for name in re.findall(r"`(\w+)`", column)
    }
    assert named <= set(re.findall(r"^def (\w+)", app, re.MULTILINE))

"""The template's README: its tree, its figures and its commands."""

import re
from pathlib import Path

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()


def rows(text: str, columns: int) -> dict[str, list[str]]:
    """Return the rows of tables with a number of columns, by their first cell."""
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    return {
        cells[0].strip(): [cell.strip() for cell in cells[1:]]
        for cells in lines
        if len(cells) == columns and "---" not in cells[0]
    }


def test_tree_shows_the_generated_app(app: Path) -> None:
    (tree,) = re.findall(r"```\n(chalice-ws-app/\n.*?)```", README, re.DOTALL)
    lines = tree.splitlines()
    assert len(lines) == 1 + 12
    assert app.name == lines[0].strip("/")
    folder, shown = app, set()
    for line in lines[1:]:
        match = re.fullmatch(r"( +)(\S+) +(?:YOURS)?  +(\S.*)", line)
        assert match, line
        indent, name, text = match.groups()
        path = (folder if len(indent) == 4 else app) / name
        assert path.is_dir() if name.endswith("/") else path.is_file(), path
        if len(indent) == 2:
            folder = path
            shown.add(name.strip("/"))
        for named in re.findall(r"[a-z]+(?=/ has)", text):
            assert (app / named).is_dir()
    visible = {path.name for path in app.iterdir() if not path.name.startswith(".")}
    # Tools' settings, and what the tree names beside another file.
    assert visible - shown == {
        "README.md",
        "pyproject.toml",
        "requirements-dev.txt",
        "requirements.txt",
        "resources",
    }


def test_figures_are_those_of_the_results() -> None:
    shown = rows(README, 4)
    results = rows((ROOT / "benchmarks" / "gateway" / "RESULTS.md").read_text(), 5)
    names = shown.pop("")
    assert results.pop("")[:3] == names
    figures = {name: cells for name, cells in shown.items() if re.match(r"[\d,.]+$", cells[0])}
    assert len(figures) == 5
    for name, cells in figures.items():
        assert [re.sub(r" \(.*", "", cell) for cell in results[name][:3]] == cells, name


def test_figures_of_the_fan_out_are_those_of_the_results() -> None:
    results = (ROOT / "benchmarks" / "fanout" / "RESULTS.md").read_text()
    (table,) = re.findall(r"(\| \| ours \| boto3, 32 threads \|\n.*?)\n\n", README, re.DOTALL)
    shown = rows(table, 3)
    for number, sender in enumerate(shown.pop("")):
        (row,) = re.findall(rf"^\| 10 ms \| {sender} \|(.*)", results, re.MULTILINE)
        measured = [cell.split("/s")[0].strip() for cell in row.split("|")]
        assert shown["deliveries/s to 1,000"][number] == measured[1], sender
        assert shown["deliveries/s to 5,000"][number] == measured[2], sender


def test_lesson_claims_no_more_than_the_results_of_the_fan_out() -> None:
    results = rows((ROOT / "benchmarks" / "fanout" / "RESULTS.md").read_text(), 3)
    (page,) = (ROOT / "docs" / "workshop").glob("11-*.md")
    text = " ".join(page.read_text().split())
    numbers = {"three": 3, "four": 4, "five": 5, "eight": 8, "nine": 9, "ten": 10}
    for people in ("1,000", "5,000"):
        (word,) = re.findall(rf"(\w+) times as many to {people}", text)
        (measured, _) = results[f"deliveries/s to {people}, times boto3, 32 threads"]
        assert numbers[word] <= float(measured)


def test_compared_products_have_a_cell_in_each_row() -> None:
    (table,) = re.findall(r"## Compare\n\n(.*?)\n\n", README, re.DOTALL)
    lines = table.splitlines()
    assert {line.count("|") for line in lines} == {9}
    assert all(cell.strip() for line in lines[2:] for cell in line.strip("|").split("|"))

"""Draw the pictures of the lessons: who sends what to whom, from top to bottom.

    python -m docs.workshop.pictures

pictures.txt describes them. A picture has a name, a title, its columns, and its arrows from top to
bottom. `0 -> 1 hello` is an arrow from the first column to the second, `-x` is one that fails or
never comes, and `1 -> 1` is a note. Text between backticks is code: the app or the page of the
lesson has it, which a test checks.
"""

import re
from html import escape
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "pictures"
DESCRIPTIONS = FOLDER.with_suffix(".txt")

COLUMN = 200
ROW = 46
TOP = 66

STYLE = """
text { font: 14px system-ui, sans-serif; fill: #1f2328 }
.code { font-family: ui-monospace, monospace; font-size: 13px }
.sheet { fill: #ffffff }
.box { fill: #ddf4ff; stroke: #0969da }
.life { stroke: #8c959f; stroke-dasharray: 2 5 }
.arrow { stroke: #1f2328; stroke-width: 1.5 }
.head { fill: #1f2328 }
.lost { stroke: #cf222e; stroke-width: 1.5; stroke-dasharray: 6 4 }
.losthead, .losttext { fill: #cf222e }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .sheet { fill: #0d1117 }
  .box { fill: #0c2d4a; stroke: #4493f8 }
  .life { stroke: #656c76 }
  .arrow { stroke: #e6edf3 }
  .head { fill: #e6edf3 }
  .lost { stroke: #f85149 }
  .losthead, .losttext { fill: #f85149 }
}
"""


class Arrow(NamedTuple):
    """An arrow between two columns, or a note at one.

    Args:
        start: the index of the column where it starts.
        end: the index of the column where it ends; the same one: a note, without an arrow.
        label: the text above it.
        lost: what fails or never comes. It is drawn in red.
    """

    start: int
    end: int
    label: str
    lost: bool = False


class Picture(NamedTuple):
    """A picture.

    Args:
        title: the text for those who do not see it.
        columns: the names at the top, from left to right.
        arrows: the arrows, from top to bottom.
    """

    title: str
    columns: list[str]
    arrows: list[Arrow]


def draw(picture: Picture) -> str:
    """Return a picture as SVG."""
    width = COLUMN * len(picture.columns)
    height = TOP + ROW * len(picture.arrows) + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img">',
        f"<title>{escape(picture.title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="sheet" width="{width}" height="{height}" rx="8"/>',
    ]
    for number, name in enumerate(picture.columns):
        x = _middle(number)
        parts.append(f'<line class="life" x1="{x}" y1="50" x2="{x}" y2="{height - 12}"/>')
        box = f'x="{x - 86}" y="14" width="172" height="36" rx="6"'
        parts.append(f'<rect class="box" {box}/>')
        parts.append(_text(x, 37, name))
    for number, arrow in enumerate(picture.arrows):
        parts += _arrow(arrow, TOP + ROW * number + 30, width)
    return "\n".join([*parts, "</svg>", ""])


def _middle(column: int) -> int:
    return COLUMN * column + COLUMN // 2


def _arrow(arrow: Arrow, y: int, width: int) -> list[str]:
    start, end = _middle(arrow.start), _middle(arrow.end)
    kind = "losttext" if arrow.lost else ""
    if start == end:
        # A box hides the dashed line behind the note.
        half = min(len(arrow.label) * 4 + 8, width // 2 - 4)
        x = min(max(start, half + 4), width - half - 4)
        box = f'x="{x - half}" y="{y - 20}" width="{half * 2}" height="26" rx="4"'
        return [f'<rect class="box" {box}/>', _text(x, y - 2, arrow.label, kind)]
    direction = 1 if end > start else -1
    tip = end - direction * 2
    back = tip - direction * 9
    line, head = ("lost", "losthead") if arrow.lost else ("arrow", "head")
    return [
        f'<line class="{line}" x1="{start}" y1="{y}" x2="{back}" y2="{y}"/>',
        f'<path class="{head}" d="M{tip} {y}L{back} {y - 5}V{y + 5}Z"/>',
        _text((start + end) // 2, y - 7, arrow.label, kind),
    ]


def _text(x: int, y: int, label: str, kind: str = "") -> str:
    spans = [
        f'<tspan class="code">{escape(part[1:-1])}</tspan>'
        if part.startswith("`")
        else escape(part)
        for part in re.split(r"(`[^`]*`)", label)
        if part
    ]
    attribute = f' class="{kind}"' if kind else ""
    return f'<text{attribute} x="{x}" y="{y}" text-anchor="middle">{"".join(spans)}</text>'


def _read(text: str) -> dict[str, Picture]:
    pictures = {}
    for block in text.strip().split("\n\n"):
        name, title, columns, *lines = block.splitlines()
        arrows = []
        for line in lines:
            start, sign, end, label = line.split(maxsplit=3)
            arrows.append(Arrow(int(start), int(end), label, sign == "-x"))
        pictures[name] = Picture(title, columns.split(" | "), arrows)
    return pictures


PICTURES = _read(DESCRIPTIONS.read_text(encoding="utf-8"))


def main() -> None:
    """Write all pictures."""
    for name, picture in PICTURES.items():
        (FOLDER / f"{name}.svg").write_text(draw(picture), encoding="utf-8")


if __name__ == "__main__":
    main()

"""Draw the pictures of the lessons: who sends what to whom, from top to bottom.

    python -m docs.workshop.pictures

A picture is a list of columns and a list of arrows. Text between backticks is code: it stands in
the lesson's app or page, which a test checks.
"""

import re
from html import escape
from pathlib import Path
from typing import NamedTuple

FOLDER = Path(__file__).parent / "pictures"

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


GATEWAY = "API Gateway"

PICTURES = {
    "01-echo": Picture(
        "A text goes from the client through API Gateway to the function message, and comes back "
        "with a request of its own",
        ["client", GATEWAY, "function `message`"],
        [
            Arrow(0, 1, "connect"),
            Arrow(1, 0, "101: open"),
            Arrow(0, 1, "`hello`"),
            Arrow(1, 2, "event with `body`"),
            Arrow(2, 1, "`send`: an HTTP request"),
            Arrow(1, 0, "`hello`"),
            Arrow(2, 2, "the function ends"),
        ],
    ),
    "02-events": Picture(
        "Three events start three functions. What a function returns for a message reaches nobody",
        ["client", GATEWAY, "Lambda"],
        [
            Arrow(0, 1, "connect"),
            Arrow(1, 2, "`$connect`: `connect`"),
            Arrow(2, 1, "status 200"),
            Arrow(0, 1, "a frame"),
            Arrow(1, 2, "`$default`: `message`"),
            Arrow(2, 1, "`return`: goes nowhere", True),
            Arrow(2, 1, "`send`: a request of its own"),
            Arrow(1, 0, "a frame"),
            Arrow(0, 1, "close"),
            Arrow(1, 2, "`$disconnect`: `disconnect`"),
        ],
    ),
    "03-who-is-here": Picture(
        "Each function has processes of its own, so a set in one is empty in the other. "
        "A table is the same for all",
        [GATEWAY, "process of `connect`", "process of `message`", "table"],
        [
            Arrow(0, 1, "`$connect`"),
            Arrow(1, 1, "`people` has one"),
            Arrow(0, 2, '`"who"`'),
            Arrow(2, 2, "`people` is empty", True),
            Arrow(0, 1, "`$connect`"),
            Arrow(1, 3, "`put_item`"),
            Arrow(0, 2, '`"who"`'),
            Arrow(2, 3, "`scan`"),
            Arrow(3, 2, "one row"),
        ],
    ),
    "04-tell-everybody": Picture(
        "The function message sends one request for each connection. One that is gone answers 410, "
        "and the loop must go on",
        ["clients", GATEWAY, "function `message`", "table"],
        [
            Arrow(0, 1, "`broadcast`"),
            Arrow(1, 2, "event"),
            Arrow(2, 3, "`scan`"),
            Arrow(3, 2, "three rows"),
            Arrow(2, 1, "`send` to the first"),
            Arrow(1, 0, "message"),
            Arrow(2, 1, "`send` to the second"),
            Arrow(1, 2, "410: gone", True),
            Arrow(2, 1, "`send` to the third"),
            Arrow(1, 0, "message"),
        ],
    ),
    "05-the-gone": Picture(
        "The disconnect event may never come, so a row stays. A send that answers 410 deletes it, "
        "and the table deletes what has expired",
        ["client", GATEWAY, "Lambda", "table"],
        [
            Arrow(0, 1, "no close frame", True),
            Arrow(1, 2, "`$disconnect` never comes", True),
            Arrow(3, 3, "the row stays"),
            Arrow(2, 1, "`send`"),
            Arrow(1, 2, "410: gone"),
            Arrow(2, 3, "`forget`: `delete_item`"),
            Arrow(3, 3, "after `expires_at`: deleted"),
        ],
    ),
    "06-channels": Picture(
        "A member has a row under the channel's key. The row in the lobby remembers the channels, "
        "so that the end of the connection finds them",
        ["client", "function `message`", "table", "function `disconnect`"],
        [
            Arrow(0, 1, "`join` `tea`"),
            Arrow(1, 2, "`lobby` / id: `ADD channels`"),
            Arrow(1, 2, "`tea` / id: `put_item`"),
            Arrow(0, 1, "`broadcast` to `tea`"),
            Arrow(1, 2, "`query` `tea`"),
            Arrow(2, 1, "its members alone"),
            Arrow(1, 0, "message"),
            Arrow(3, 2, "delete `lobby` / id"),
            Arrow(2, 3, "its `channels`"),
            Arrow(3, 2, "delete `tea` / id"),
        ],
    ),
    "07-from-elsewhere": Picture(
        "A function that no WebSocket event has started looks up the API in a connection's row, "
        "and then sends",
        ["a job, a webhook", "function `notify`", "table", GATEWAY],
        [
            Arrow(0, 1, "invoke: `channel`, `data`"),
            Arrow(1, 3, "`send`: not configured", True),
            Arrow(1, 2, "`members`"),
            Arrow(1, 2, "`api_of` one member"),
            Arrow(2, 1, "`api_id`, `stage`"),
            Arrow(1, 1, "`configure_from_api_id`"),
            Arrow(1, 3, "`send`"),
            Arrow(1, 0, "`delivered`, `gone`"),
        ],
    ),
    "08-permissions": Picture(
        "Each function has a policy of its own. The gate notes the calls of a function, and "
        "compares them with it",
        ["function `connect`", "function `message`", "table", GATEWAY],
        [
            Arrow(0, 2, "`dynamodb:PutItem`: allowed"),
            Arrow(0, 2, "`dynamodb:DeleteItem`: denied", True),
            Arrow(0, 3, "`execute-api:ManageConnections`: denied", True),
            Arrow(1, 2, "`dynamodb:Query`"),
            Arrow(1, 3, "`execute-api:ManageConnections`"),
            Arrow(1, 1, "`gate.py`: calls = policy?"),
        ],
    ),
    "09-nothing-lost": Picture(
        "A client that was away joins again with the id of its last message, and gets the saved "
        "messages after it",
        ["client", "function `message`", "table", "function `notify`"],
        [
            Arrow(3, 2, "`save`, then `send`"),
            Arrow(3, 0, "`message_id` 1"),
            Arrow(0, 0, "closed: `1001`", True),
            Arrow(3, 2, "`save`"),
            Arrow(3, 0, "nobody is there", True),
            Arrow(0, 1, "`join` `since` 1"),
            Arrow(1, 2, "first the membership"),
            Arrow(1, 2, "then `history.since`"),
            Arrow(1, 0, "`messages`: 2"),
        ],
    ),
    "10-who-are-you": Picture(
        "The client brings a token, and the function connect verifies it with the issuer's key. "
        "The connection's row then names the user",
        ["client", "issuer", "function `connect`", "table"],
        [
            Arrow(0, 1, "sign in"),
            Arrow(1, 0, "a signed token"),
            Arrow(0, 2, "`Sec-WebSocket-Protocol`: token"),
            Arrow(2, 1, "`keys`"),
            Arrow(2, 2, "`user_of` the token"),
            Arrow(2, 0, "`401` if it is not valid", True),
            Arrow(2, 3, "`add` with the `user`"),
            Arrow(2, 0, "connected"),
        ],
    ),
    "11-fan-out": Picture(
        "Sixteen threads send at once. A 429 is tried again after a pause, and the function stops "
        "before API Gateway's time ends",
        ["function `message`", "16 threads", GATEWAY, "clients"],
        [
            Arrow(0, 1, "`send_to_all`"),
            Arrow(1, 2, "`attempt`, 16 at once"),
            Arrow(2, 3, "message"),
            Arrow(2, 1, "429: too many", True),
            Arrow(1, 1, "`pause`"),
            Arrow(1, 2, "`attempt` again"),
            Arrow(1, 1, "`MAX_SECONDS`: stop"),
            Arrow(1, 0, "`delivered`, `gone`, `untried`"),
        ],
    ),
    "12-on-aws": Picture(
        "One CloudFormation stack has everything. API Gateway counts messages and connection "
        "minutes, and the rest is small",
        ["people", GATEWAY, "Lambda", "DynamoDB"],
        [
            Arrow(1, 1, "CloudFormation stack `workshop-dev`"),
            Arrow(0, 1, "`connection minutes`"),
            Arrow(0, 1, "`messages` in"),
            Arrow(1, 2, "`function starts`"),
            Arrow(2, 2, "`GB seconds`"),
            Arrow(2, 3, "`rows written`"),
            Arrow(2, 3, "`rows read`"),
            Arrow(2, 1, "`send` to each member"),
            Arrow(1, 0, "`messages` out: most of it"),
        ],
    ),
}


def main() -> None:
    """Write all pictures."""
    for name, picture in PICTURES.items():
        (FOLDER / f"{name}.svg").write_text(draw(picture), encoding="utf-8")


if __name__ == "__main__":
    main()

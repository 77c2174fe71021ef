"""The generated app's tests with fields and errors of its owner's actions."""

import pytest

from tests.app.test_suite import ACTIONS, change
from tests.conftest import Bake
from tests.warm import run_module

IMPORTS = """from urllib.request import urlopen
from chalicelib.protocol.fields import Field
from chalicelib.protocol.frames import FrameError
"""

VALID = """

OPTIONS = Field(
    "2 to 5 texts",
    schema={"type": "array", "items": {"type": "string"}, "minItems": 2, "maxItems": 5},
)
KIND = Field("open or secret", schema={"enum": ["open", "secret"]})


@router.action(channel=CHANNEL, options=OPTIONS, kind=KIND)
def vote(request: Request, *, channel: str, options: list[str], kind: str) -> replies.Left:
    \"\"\"Begin a vote.\"\"\"
    if kind == "open" or len(channel) > 3:
        raise FrameError("bad_field", "use a channel of yours", "channel")
    return {"type": "left", "channel": channel}


@router.action(amount=Field("an amount", schema={"type": "integer", "minimum": 1}))
def pay(request: Request, *, amount: int) -> replies.Left:
    \"\"\"Pay an amount.\"\"\"
    urlopen("https://api.example.com/pay")
    return {"type": "left", "channel": "tea"}
"""

# The schema of `shape` has a keyword that its convert does not check.
MISTAKES = """

SHAPE = Field("a shape", lambda value: value, {"type": "array", "uniqueItems": True}, ["tea"])


@router.action(shape=SHAPE, key=Field("a key", schema={"type": "string"}))
def draw(request: Request, *, shape: list[str], key: str) -> replies.Left:
    \"\"\"Draw a shape.\"\"\"
    if key == "late":
        raise FrameError("conflict", "begin another drawing")
    if len(key) > 10:
        raise FrameError("bad_field", "use a shorter key", "key")
    return {"type": "left", "channel": "tea"}
"""

TEST = """from tests.client import Api


def test_code_of_its_own(api: Api) -> None:
    api.connect().request("draw", shape=[], key="late")


def test_value_that_the_schema_refuses(api: Api) -> None:
    api.connect().request("draw", shape=["tea", "tea"], key="a")


def test_service_is_not_called(api: Api) -> None:
    assert api.connect().request("pay", amount=5)["type"] == "left"
"""


@pytest.mark.full
def test_fields_and_errors_of_own_actions_pass_or_say_what_to_change(bake: Bake) -> None:
    app = bake(app_name="tea")
    actions = app / ACTIONS
    change(actions, "from typing import Any\n", f"{IMPORTS}from typing import Any\n")
    actions.write_text(actions.read_text() + VALID + MISTAKES)
    assert "describe" in run_module("docs.protocol", cwd=app).stdout
    (app / "tests" / "app" / "test_draw.py").write_text(TEST)
    files = ("tests/app/test_bounds.py", "tests/app/test_draw.py")
    names = "options or kind or amount or channel or key or draw"
    command = ["pytest", "-p", "no:cacheprovider", *files, "-k", names]
    output = run_module(*command, cwd=app).stdout
    for line in (
        'chalicelib/protocol/frames.py: add "conflict" to CODES',
        "the app accepted a value that its schema refuses: give shape a convert",
        "the app refused a value that the schema of key accepts: change the schema",
        "the tests connect to no other machine (got api.example.com:443)",
        # All but those of `draw`, and of `pay` in a test of its own, pass.
        "4 failed, 14 passed",
    ):
        assert line in output, output

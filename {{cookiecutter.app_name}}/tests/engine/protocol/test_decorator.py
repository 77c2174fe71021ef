"""The decorator of actions: a mistake is named when the actions are imported."""

from typing import Any

import pytest

from chalicelib.protocol.fields import CHANNEL, LIMIT, NAME, Field
from chalicelib.protocol.router import Request, Router


def waves(request: Request, *, channel: str, times: int = 1) -> dict[str, str]:
    return {"type": "waved"}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"chanel": CHANNEL, "times": LIMIT},
            r"\(got chanel\); its parameter is channel: use one name for both",
        ),
        (
            {"channel": CHANNEL},
            "its parameter times has no field; add times=FIELD to the decorator",
        ),
        ({"channel": CHANNEL, "times": LIMIT, "colour": NAME}, "remove it, or add the parameter"),
        ({"channel": "tea", "times": LIMIT}, r"channel is not a Field \(got 'tea'\); use one of"),
        ({"id": NAME}, "each request may have id; use another name"),
    ],
)
def test_decorator_that_differs_from_the_function_is_named(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError, match=f"^action waves: .*{message}"):
        Router().action(**fields)(waves)


async def sleeps(request: Request) -> dict[str, str]:
    return {"type": "slept"}


def yields(request: Request) -> Any:
    yield {"type": "yielded"}


def begs(request: Request, *, times: int = 0, name: str | None = None) -> dict[str, str]:
    return {"type": "begged"}


def forgets() -> dict[str, str]:
    return {"type": "forgot"}


def begins(channel: str) -> dict[str, str]:
    return {"type": "begun"}


def takes_all(request: Request, **fields: Any) -> dict[str, str]:
    return {"type": "taken"}


@pytest.mark.parametrize(
    ("function", "fields", "message"),
    [
        (sleeps, {}, "it is async; use def and return"),
        (yields, {}, "it has a yield; use def and return"),
        (
            begs,
            {"times": LIMIT, "name": NAME},
            r"the default of times is not valid \(got 0\); use None, or a whole number from 1 to",
        ),
        (forgets, {}, r"not the request \(got nothing\); put `request: Request` first"),
        (begins, {"channel": CHANNEL}, r"not the request \(got channel: str\); put"),
        (takes_all, {"channel": CHANNEL}, r"no field \(got \*\*fields: Any\); name each field"),
    ],
)
def test_function_that_cannot_be_an_action_is_named(
    function: Any, fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(TypeError, match=f"^action {function.__name__}: .*{message}"):
        Router().action(**fields)(function)


def test_default_as_a_convert_returns_it_is_accepted() -> None:
    days = Field("days", lambda value: 86_400 * value, {"maximum": 7}, example=7)

    def rest(request: Request, *, seconds: int = 86_400, limit: int = 1) -> dict[str, str]:
        return {"type": "rested"}

    assert Router().action(seconds=days, limit=LIMIT)(rest) is rest


def test_decorator_without_parentheses_or_a_name_twice_is_refused() -> None:
    own = Router()
    with pytest.raises(TypeError, match=r"use @router.action\(NAME=FIELD, ...\)"):
        own.action(waves)
    own.action(channel=CHANNEL, times=LIMIT)(waves)
    with pytest.raises(TypeError, match="two actions have the name waves; rename one"):
        own.action(channel=CHANNEL, times=LIMIT)(waves)

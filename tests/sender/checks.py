"""What the tests of the fan-out share: whom they send to, and what always holds."""

import time
from collections.abc import Callable
from itertools import count as numbers

from tests.certificates import Certificate
from tests.sender.sender import LATE, Result
from tests.sender.standin import StandIn

KEY, SECRET, TOKEN = "AKIAIOSFODNN7EXAMPLE", "secret/+", "token/+=" * 40
KEYS = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}


def trusting(certificate: Certificate, **environment: str) -> dict[str, str]:
    return {
        **KEYS,
        "AWS_CA_BUNDLE": str(certificate.authority),
        "FANOUT_RPS": "1000000",
        **environment,
    }


_names = numbers()


def names(count: int) -> list[str]:
    """Connection ids that no test has seen."""
    return [f"{next(_names):012}id0=" for _ in range(count)]


def at(standin: StandIn, ids: list[str]) -> list[tuple[str, str]]:
    return [(each, standin.url) for each in ids]


def check(result: Result, ids: list[str], standin: StandIn) -> None:
    """What holds whatever happens: each has one verdict, and the verdict is true."""
    assert not result.error
    assert sum(result.counts.values()) == len(ids), result
    assert result.counts["delivered"] <= len(standin.statuses(200).keys() & set(ids))
    assert len(result.gone) == len(set(result.gone)) == result.counts["gone"]
    assert set(result.gone) <= standin.statuses(410).keys() & set(ids)
    assert result.late < LATE


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.005)

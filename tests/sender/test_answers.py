"""What becomes of a fan-out, whatever a server answers."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.certificates import Certificate
from tests.sender.checks import at, check, names, trusting
from tests.sender.sender import Sending, sending
from tests.sender.standin import GONE, Answer, Script, StandIn, error, ok, serving

CHUNKED = "Transfer-Encoding: chunked\r\n"
CLOSE = "Connection: close\r\n"
EMPTY = ok().data

# A 200, in every form that HTTP has for it.
FORMS = {
    "with a body": ok("Content-Length: 4\r\n", b"body"),
    "chunked": ok(CHUNKED, b"4\r\nbody\r\n0\r\n\r\n"),
    "chunked, with an extension and a trailer": ok(CHUNKED, b"4;a=b\r\nbody\r\n0\r\nA: b\r\n\r\n"),
    "after 100": Answer(b"HTTP/1.1 100 Continue\r\n\r\n" + EMPTY),
    "after 103": Answer(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + EMPTY),
    "closing": ok(CLOSE + "Content-Length: 0\r\n", then="close"),
    "closing in silence": ok(then="close"),
    "without a length": ok(CLOSE, b"body", then="close"),
    "in another case, without a reason": Answer(b"HTTP/1.1 200 \r\ncontent-length:0\r\n\r\n"),
    "HTTP/1.0": Answer(b"HTTP/1.0 200 OK\r\n\r\n", then="close"),
    "a byte at a time": ok(pause=0.002),
    "many headers": ok("".join(f"X-{n}: {n}\r\n" for n in range(50)) + "Content-Length: 0\r\n"),
}

# What says that it did not work this time.
FAULTS = {
    "429": error(429, "LimitExceededException"),
    "429 without a type": error(429),
    "500": error(500, "InternalServerErrorException"),
    "502": error(502),
    "503": error(503, "ServiceUnavailableException"),
    "504": error(504),
    "reset before it is read": Answer(then="reset", read=False),
    "reset once it is read": Answer(then="reset"),
    "reset in the answer": Answer(EMPTY[:10], then="reset"),
    "closed before it is read": Answer(then="close", read=False),
    "closed once it is read": Answer(then="close"),
    "closed in the answer": Answer(EMPTY[:10], then="close"),
    "garbage": Answer(b"\x00\xff\x16\x03 what?\r\n\r\n\r\n", then="close"),
    "another protocol": Answer(b"SSH-2.0-OpenSSH_9.6\r\n", then="close"),
}

# Answers that leave it open what was meant; none may hurt more than the one that it is for.
OTHER = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
RIDDLES = {
    "more than its length": ok(body=OTHER),
    "less than its length": ok("Content-Length: 50\r\n", b"body", then="close"),
    "a length that is none": ok("Content-Length: many\r\n"),
    "a negative length": ok("Content-Length: -1\r\n"),
    "two lengths": ok("Content-Length: 0\r\nContent-Length: 40\r\n", OTHER),
    "a length and chunks": ok(f"Content-Length: 3\r\n{CHUNKED}", b"0\r\n\r\n" + OTHER),
    "a chunk size that is none": ok(CHUNKED, b"many\r\nbody\r\n0\r\n\r\n", then="close"),
    "a huge header": ok(f"X: {'x' * 2_000_000}\r\n", then="close"),
    "headers without end": Answer(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200_000, then="close"),
    "1xx without end": Answer(b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000, then="close"),
    "a 200, then a reset": ok(then="reset"),
}

# What is never tried again, since it would be the same.
REFUSALS = {
    "400": error(400, "BadRequestException"),
    "413": error(413, "PayloadTooLargeException"),
    "a redirect": Answer(
        b"HTTP/1.1 307 Moved\r\nLocation: /dev/@connections/elsewhere\r\nContent-Length: 0\r\n\r\n"
    ),
}

EVERYTHING = {**FORMS, **FAULTS, **RIDDLES, **REFUSALS, "gone": GONE}


@pytest.fixture(scope="module", params=["asyncio", "boto3"])
def shared(
    request: pytest.FixtureRequest,
    app: Path,
    certificate: Certificate,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Sending, StandIn]]:
    """Each sender, having met everything else before, as a warm function has; and its stand-in."""
    log = tmp_path_factory.mktemp("sender") / "log"
    environment = trusting(certificate, FANOUT_SENDER=request.param)
    with serving(certificate) as standin, sending(app, log, **environment) as sender:
        yield sender, standin


@pytest.mark.parametrize("form", FORMS)
def test_a_200_is_one_in_any_form(shared: tuple[Sending, StandIn], form: str) -> None:
    sender, standin = shared
    ids = names(20)
    for each in ids:
        standin.scripts[each] = Script(last=FORMS[form])
    result = sender.send(at(standin, ids))
    check(result, ids, standin)
    assert result.counts["delivered"] == len(ids), sender.log


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_tried_again(shared: tuple[Sending, StandIn], fault: str) -> None:
    sender, standin = shared
    ids = names(10)
    for each in ids[::2]:
        standin.scripts[each] = Script([FAULTS[fault]])
    result = sender.send(at(standin, ids))
    check(result, ids, standin)
    assert result.counts["delivered"] == len(ids), sender.log
    assert sum(standin.statuses(200)[each] for each in ids) >= len(ids)


@pytest.mark.parametrize("riddle", RIDDLES)
def test_a_riddle_hurts_nobody_else(shared: tuple[Sending, StandIn], riddle: str) -> None:
    sender, standin = shared
    odd, ids = names(2), names(60)
    for each in odd:
        standin.scripts[each] = Script([RIDDLES[riddle]])
    everybody = [*ids[:20], odd[0], *ids[20:40], odd[1], *ids[40:]]
    result = sender.send(at(standin, everybody))
    check(result, everybody, standin)
    assert result.counts["delivered"] >= len(ids), sender.log
    assert result.gone == []


@pytest.mark.parametrize("refusal", REFUSALS)
def test_a_refusal_is_not_tried_again(shared: tuple[Sending, StandIn], refusal: str) -> None:
    sender, standin = shared
    ids = names(6)
    for each in ids[:3]:
        standin.scripts[each] = Script(last=REFUSALS[refusal])
    result = sender.send(at(standin, ids))
    check(result, ids, standin)
    assert result.counts == {"delivered": 3, "gone": 0, "failed": 3, "untried": 0}
    posts = [each.post.connection_id for each in standin.answered]
    assert [posts.count(each) for each in ids] == [1] * 6
    assert "elsewhere" not in posts


def test_those_that_are_gone_are_named(shared: tuple[Sending, StandIn]) -> None:
    sender, standin = shared
    ids = names(60)
    for each in ids[::3]:
        standin.scripts[each] = Script(last=GONE)
    for each in ids[1::6]:
        standin.scripts[each] = Script([FAULTS["500"]], last=GONE)
    result = sender.send(at(standin, ids))
    check(result, ids, standin)
    assert sorted(result.gone) == sorted({*ids[::3], *ids[1::6]})
    assert result.counts["delivered"] == 30
    assert all(standin.statuses(410)[each] == 1 for each in result.gone)


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    scripts=st.lists(st.lists(st.sampled_from(sorted(EVERYTHING)), max_size=2), max_size=40),
    refuse=st.integers(0, 5),
)
def test_whatever_happens_each_has_one_verdict(
    shared: tuple[Sending, StandIn], scripts: list[list[str]], refuse: int
) -> None:
    sender, standin = shared
    ids = names(len(scripts))
    for each, script in zip(ids, scripts, strict=True):
        answers = [EVERYTHING[name] for name in script]
        last = GONE if "gone" in script else ok()
        standin.scripts[each] = Script(
            answers[: answers.index(GONE)] if last is GONE else answers, last
        )
    standin.refuse = refuse
    result = sender.send(at(standin, ids), seconds=10)
    standin.refuse = 0
    check(result, ids, standin)

"""The result of sending, for all kinds of responses."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.certificates import Certificate
from tests.sender.fake_api import GONE, FakeApi, Reply, Script, error, ok, serve
from tests.sender.process import SenderProcess, run_sender
from tests.sender.support import assert_consistent, environment, new_ids, recipients

CHUNKED = "Transfer-Encoding: chunked\r\n"
CLOSE = "Connection: close\r\n"
EMPTY = ok().data

# A 200 in each form that HTTP allows.
VALID = {
    "with a body": ok("Content-Length: 4\r\n", b"body"),
    "chunked": ok(CHUNKED, b"4\r\nbody\r\n0\r\n\r\n"),
    "chunked, with an extension and a trailer": ok(CHUNKED, b"4;a=b\r\nbody\r\n0\r\nA: b\r\n\r\n"),
    "after 100": Reply(b"HTTP/1.1 100 Continue\r\n\r\n" + EMPTY),
    "after 103": Reply(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + EMPTY),
    "announced close": ok(CLOSE + "Content-Length: 0\r\n", then="close"),
    "unannounced close": ok(then="close"),
    "without a length": ok(CLOSE, b"body", then="close"),
    "less than its length": ok("Content-Length: 50\r\n", b"body", then="close"),
    "lower case, without a reason": Reply(b"HTTP/1.1 200 \r\ncontent-length:0\r\n\r\n"),
    "HTTP/1.0": Reply(b"HTTP/1.0 200 OK\r\n\r\n", then="close"),
    "a byte at a time": ok(pause_seconds=0.002),
    "many headers": ok("".join(f"X-{n}: {n}\r\n" for n in range(50)) + "Content-Length: 0\r\n"),
}

# Failures that another attempt may avoid.
TEMPORARY = {
    "408": error(408),
    "429": error(429, "LimitExceededException"),
    "429 without a type": error(429),
    "500": error(500, "InternalServerErrorException"),
    "502": error(502),
    "503": error(503, "ServiceUnavailableException"),
    "504": error(504),
    "reset before reading": Reply(then="reset", reads_body=False),
    "reset after reading": Reply(then="reset"),
    "reset in the response": Reply(EMPTY[:10], then="reset"),
    "closed before reading": Reply(then="close", reads_body=False),
    "closed after reading": Reply(then="close"),
    "closed in the response": Reply(EMPTY[:10], then="close"),
    "garbage": Reply(b"\x00\xff\x16\x03 what?\r\n\r\n\r\n", then="close"),
    "another protocol": Reply(b"SSH-2.0-OpenSSH_9.6\r\n", then="close"),
}

# Responses whose end is unclear. They must not affect the responses to other recipients.
AMBIGUOUS_GONE = b"HTTP/1.1 410 Gone\r\nContent-Length: 0\r\n\r\n"
AMBIGUOUS = {
    "more than its length": ok(body=AMBIGUOUS_GONE),
    "a length that is not a number": ok("Content-Length: many\r\n"),
    "a negative length": ok("Content-Length: -1\r\n"),
    "two lengths": ok("Content-Length: 0\r\nContent-Length: 40\r\n", AMBIGUOUS_GONE),
    "a length and chunks": ok(f"Content-Length: 3\r\n{CHUNKED}", b"0\r\n\r\n" + AMBIGUOUS_GONE),
    "a chunk size that is not a number": ok(CHUNKED, b"many\r\nbody\r\n0\r\n\r\n", then="close"),
    "a huge header": ok(f"X: {'x' * 2_000_000}\r\n", then="close"),
    "headers without end": Reply(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200_000, then="close"),
    "1xx without end": Reply(b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000, then="close"),
    "a 200, then a reset": ok(then="reset"),
}

# Failures that another attempt would not avoid.
PERMANENT = {
    "400": error(400, "BadRequestException"),
    "413": error(413, "PayloadTooLargeException"),
    "a redirect": Reply(
        b"HTTP/1.1 307 Moved\r\nLocation: /dev/@connections/elsewhere\r\nContent-Length: 0\r\n\r\n"
    ),
}

ALL = {**VALID, **TEMPORARY, **AMBIGUOUS, **PERMANENT, "gone": GONE}

Pair = tuple[SenderProcess, FakeApi]


@pytest.fixture(scope="module", params=["concurrent", "boto3"])
def pair(
    request: pytest.FixtureRequest,
    app: Path,
    certificate: Certificate,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Pair]:
    """Each sender and its API. The tests share them, as events share a warm function."""
    log = tmp_path_factory.mktemp("sender") / "log"
    variables = environment(certificate, FANOUT_SENDER=request.param)
    with serve(certificate) as api, run_sender(app, log, **variables) as sender:
        yield sender, api


@pytest.fixture(scope="module")
def concurrent(
    app: Path, certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    """The concurrent sender and its API, for tests of its own HTTP code."""
    log = tmp_path_factory.mktemp("sender") / "log"
    with serve(certificate) as api, run_sender(app, log, **environment(certificate)) as sender:
        yield sender, api


@pytest.mark.parametrize("form", VALID)
def test_valid_200_is_delivered_and_not_sent_again(concurrent: Pair, form: str) -> None:
    sender, api = concurrent
    ids = new_ids(20)
    for each in ids:
        api.scripts[each] = Script(last=VALID[form])
    result = sender.send(recipients(api, ids))
    assert_consistent(result, ids, api)
    assert result.counts["delivered"] == len(ids), sender.log
    assert [api.statuses(200)[each] for each in ids] == [1] * len(ids)


@pytest.mark.parametrize("failure", TEMPORARY)
def test_temporary_failure_is_retried(pair: Pair, failure: str) -> None:
    sender, api = pair
    ids = new_ids(10)
    for each in ids[::2]:
        api.scripts[each] = Script([TEMPORARY[failure]])
    result = sender.send(recipients(api, ids))
    assert_consistent(result, ids, api)
    assert result.counts["delivered"] == len(ids), sender.log


@pytest.mark.parametrize("response", AMBIGUOUS)
def test_ambiguous_response_affects_no_other_recipient(concurrent: Pair, response: str) -> None:
    sender, api = concurrent
    ambiguous, ids = new_ids(2), new_ids(60)
    for each in ambiguous:
        api.scripts[each] = Script([AMBIGUOUS[response]])
    all_ids = [*ids[:20], ambiguous[0], *ids[20:40], ambiguous[1], *ids[40:]]
    result = sender.send(recipients(api, all_ids))
    assert_consistent(result, all_ids, api)
    assert result.counts["delivered"] >= len(ids), sender.log
    assert result.gone == []


@pytest.mark.parametrize("failure", PERMANENT)
def test_permanent_failure_is_not_retried(pair: Pair, failure: str) -> None:
    sender, api = pair
    ids = new_ids(6)
    for each in ids[:3]:
        api.scripts[each] = Script(last=PERMANENT[failure])
    result = sender.send(recipients(api, ids))
    assert_consistent(result, ids, api)
    assert result.counts == {"delivered": 3, "gone": 0, "failed": 3, "untried": 0}
    posts = [each.post.connection_id for each in api.answered]
    assert [posts.count(each) for each in ids] == [1] * 6
    assert "elsewhere" not in posts


def test_failure_that_persists_is_given_up(concurrent: Pair) -> None:
    sender, api = concurrent
    ids = new_ids(6)
    for each in ids[:3]:
        api.scripts[each] = Script(last=TEMPORARY["500"])
    result = sender.send(recipients(api, ids))
    assert_consistent(result, ids, api)
    assert result.counts == {"delivered": 3, "gone": 0, "failed": 3, "untried": 0}
    assert [api.statuses(500)[each] for each in ids[:3]] == [8, 8, 8]
    assert f"connection {ids[0]}: not delivered: 500" in sender.log


def test_gone_connections_are_reported(pair: Pair) -> None:
    sender, api = pair
    ids = new_ids(60)
    for each in ids[::3]:
        api.scripts[each] = Script(last=GONE)
    for each in ids[1::6]:
        api.scripts[each] = Script([TEMPORARY["500"]], last=GONE)
    result = sender.send(recipients(api, ids))
    assert_consistent(result, ids, api)
    assert sorted(result.gone) == sorted({*ids[::3], *ids[1::6]})
    assert result.counts["delivered"] == 30
    assert all(api.statuses(410)[each] == 1 for each in result.gone)


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    scripts=st.lists(st.lists(st.sampled_from(sorted(ALL)), max_size=2), max_size=40),
    connections_to_reset=st.integers(0, 5),
)
def test_any_mix_of_responses_gives_each_recipient_one_status(
    concurrent: Pair, scripts: list[list[str]], connections_to_reset: int
) -> None:
    sender, api = concurrent
    ids = new_ids(len(scripts))
    for each, script in zip(ids, scripts, strict=True):
        replies = [ALL[name] for name in script]
        last = GONE if "gone" in script else ok()
        api.scripts[each] = Script(
            replies[: replies.index(GONE)] if last is GONE else replies, last
        )
    api.connections_to_reset = connections_to_reset
    result = sender.send(recipients(api, ids))
    api.connections_to_reset = 0
    assert_consistent(result, ids, api)

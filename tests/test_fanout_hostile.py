"""What becomes of a fan-out where servers, networks, certificates and credentials fail it."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count as numbers
from pathlib import Path
from socket import create_server
from threading import Thread

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.certificates import Certificate, make
from tests.sender import LATE, PAYLOAD, Result, Sending, sending
from tests.standin import GONE, Answer, Post, Script, StandIn, error, ok, serving

KEY, SECRET, TOKEN = "AKIAIOSFODNN7EXAMPLE", "secret/+", "token/+=" * 40
KEYS = {"AWS_ACCESS_KEY_ID": KEY, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}

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


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make(tmp_path_factory.mktemp("certificate"), "127.0.0.1")


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


@pytest.fixture
def standin(certificate: Certificate) -> Iterator[StandIn]:
    with serving(certificate) as each:
        yield each


@pytest.fixture
def sender(
    app: Path, certificate: Certificate, tmp_path: Path, standin: StandIn
) -> Iterator[Sending]:
    """A sender of the test's own, cold; it ends before its stand-in."""
    with sending(app, tmp_path / "log", **trusting(certificate)) as each:
        yield each


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


@pytest.mark.parametrize("form", FORMS)
def test_a_200_is_one_in_any_form(shared: tuple[Sending, StandIn], form: str) -> None:
    sender, standin = shared
    ids = names(20)
    for each in ids:
        standin.scripts[each] = Script(last=FORMS[form])
    result = sender.send(at(standin, ids))
    check(result, ids, standin)
    assert result.counts["delivered"] == len(ids), sender.log


def test_a_payload_that_no_socket_takes_at_once(
    app: Path, certificate: Certificate, standin: StandIn, tmp_path: Path
) -> None:
    payload, ids = b'{"data":"%s"}' % (bytes(range(35, 91)) * 2300), names(20)
    for each in ids[::2]:
        standin.scripts[each] = Script([FAULTS["reset before it is read"]])
    environment = trusting(certificate, SMALL_BUFFERS="1")
    with sending(app, tmp_path / "log", **environment) as sender:
        result = sender.send(at(standin, ids), payload=payload)
        check(result, ids, standin)
        assert result.counts["delivered"] == len(ids), sender.log
    assert {each.post.body for each in standin.answered if each.status == 200} == {payload}


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


def test_a_burst_of_throttling_loses_nobody(sender: Sending, standin: StandIn) -> None:
    """The account's quota is used up: whoever comes is refused, half without a type."""
    refusals = iter([FAULTS["429"], FAULTS["429 without a type"]] * 100)
    standin.gate = lambda post: next(refusals, None)
    ids = names(200)
    result = sender.send(at(standin, ids), seconds=15)
    check(result, ids, standin)
    assert result.counts["delivered"] == len(ids), result


def test_a_quota_slows_down_all_together(sender: Sending, standin: StandIn) -> None:
    """500 a second are let through, and 50 at once; knocking on makes it no more."""
    tokens, then = 50.0, time.monotonic()

    def gate(post: Post) -> Answer | None:
        nonlocal tokens, then
        now = time.monotonic()
        tokens, then = min(50, tokens + (now - then) * 500), now
        if tokens < 1:
            return FAULTS["429"]
        tokens -= 1
        return None

    standin.gate = gate
    ids = names(800)
    result = sender.send(at(standin, ids), seconds=30)
    check(result, ids, standin)
    assert result.counts["delivered"] == len(ids), result
    assert standin.statuses(429).total() < len(ids)


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


HANGS = {
    "no answer": Answer(then="hang"),
    "half an answer": Answer(EMPTY[:10], then="hang"),
    "a body that does not come": ok("Content-Length: 9\r\n", then="hang"),
    "a byte now and then": Answer(EMPTY * 100, pause=0.2),
}


def test_a_server_that_hangs_holds_nobody_past_the_deadline(
    sender: Sending, standin: StandIn
) -> None:
    ids = names(100)
    for number, each in enumerate(ids):
        standin.scripts[each] = Script(last=list(HANGS.values())[number % len(HANGS)])
    result = sender.send(at(standin, ids), seconds=1)
    check(result, ids, standin)
    assert sender.send(at(standin, names(50))).counts["delivered"] == 50  # nothing is in its way


def test_a_deadline_while_connections_are_opened(sender: Sending, standin: StandIn) -> None:
    standin.gate = lambda post: HANGS["no answer"]
    for milliseconds in range(0, 80, 4):
        ids = names(100)
        check(sender.send(at(standin, ids), seconds=milliseconds / 1000), ids, standin)


def test_a_server_that_never_shakes_hands(sender: Sending) -> None:
    with closing(create_server(("127.0.0.1", 0))) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/dev"
        result = sender.send([(each, url) for each in names(30)], seconds=1)
    assert not result.error
    assert result.counts["failed"] + result.counts["untried"] == 30
    assert result.late < LATE


def test_a_server_that_is_not_there(sender: Sending, standin: StandIn) -> None:
    with closing(create_server(("127.0.0.1", 0))) as closed:
        url = f"https://127.0.0.1:{closed.getsockname()[1]}/dev"
    ids = names(30)
    result = sender.send([*[(each, url) for each in ids[:5]], *at(standin, ids[5:])], seconds=3)
    check(result, ids, standin)
    assert result.counts["delivered"] == 25


def test_past_the_deadline_nobody_is_tried(sender: Sending, standin: StandIn) -> None:
    result = sender.send(at(standin, names(30)), seconds=-5)
    assert result.counts == {"delivered": 0, "gone": 0, "failed": 0, "untried": 30}
    assert standin.answered == []


def test_sending_begins_before_all_recipients_are_read(sender: Sending, standin: StandIn) -> None:
    ids = names(40)
    sender.start(at(standin, ids), pause_after=30)
    wait_for(lambda: len(standin.statuses(200)) == 30)
    sender.more()
    assert sender.next().counts["delivered"] == 40


def test_a_403_says_which_permission_is_missing(sender: Sending, standin: StandIn) -> None:
    standin.gate = lambda post: error(403, "ForbiddenException", "User is not authorized")
    result = sender.send(at(standin, names(300)))
    assert "execute-api:ManageConnections" in result.error
    assert len(standin.answered) < 300
    standin.gate = None
    assert sender.send(at(standin, names(50))).counts["delivered"] == 50


def test_a_403_says_that_credentials_have_expired(sender: Sending, standin: StandIn) -> None:
    message = "The security token included in the request is expired"
    standin.gate = lambda post: error(403, "ExpiredTokenException", message)
    assert "expired" in sender.send(at(standin, names(300))).error
    assert len(standin.answered) < 300


def test_a_403_says_that_the_clock_is_off(sender: Sending, standin: StandIn) -> None:
    message = "Signature expired: 20240101T000000Z is now earlier than 20240101T001000Z"
    standin.gate = lambda post: error(403, "InvalidSignatureException", message, ahead=3600)
    assert "clock" in sender.send(at(standin, names(300))).error
    assert len(standin.answered) < 300


@pytest.mark.parametrize("host", ["other.example", "127.0.0.1"])
def test_a_certificate_that_does_not_match_or_is_not_trusted(
    app: Path, certificate: Certificate, tmp_path: Path, host: str
) -> None:
    """Nobody there is who it should be: said at once, with nothing sent."""
    other = make(tmp_path, host)
    trusted = certificate if host == "127.0.0.1" else other
    with serving(other) as standin, sending(app, tmp_path / "log", **trusting(trusted)) as sender:
        result = sender.send(at(standin, names(300)))
        assert "certificate verify failed" in result.error
        assert standin.answered == []


def test_a_server_that_has_started_anew(
    app: Path, certificate: Certificate, tmp_path: Path
) -> None:
    """It knows no TLS session of before, and neither is whoever took its place believed."""
    impostor = make(tmp_path, "127.0.0.1")
    with sending(app, tmp_path / "log", **trusting(certificate)) as sender:
        port = 0
        for _ in range(2):
            with serving(certificate, port) as standin:
                port = standin.port
                assert sender.send(at(standin, names(50))).counts["delivered"] == 50
        with serving(impostor, port) as standin:
            assert "certificate verify failed" in sender.send(at(standin, names(50))).error
            assert standin.answered == []


SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(\S+)/(\d{8})/([\w-]+)/([\w-]+)/aws4_request, *"
    r"SignedHeaders=(\S+), *Signature=([0-9a-f]{64})"
)


def badly_signed(post: Post, secret: str = SECRET, token: str = TOKEN) -> Answer | None:
    """As AWS checks it: anew, by botocore, over what has come in."""
    found = SIGNED.fullmatch(post.headers["authorization"])
    assert found
    key, _, region, service, names, signature = found.groups()
    headers = {name: post.headers[name] for name in names.split(";")}
    url = f"https://{post.headers['host']}{post.target}"
    request = AWSRequest("POST", url, headers=headers, data=post.body)
    request.context["timestamp"] = post.headers["x-amz-date"]
    signer = SigV4Auth(Credentials(key, secret, token), service, region)
    canonical = signer.canonical_request(request)
    right = signer.signature(signer.string_to_sign(request, canonical), request)
    complete = {"host", "x-amz-date", "x-amz-security-token"} <= headers.keys()
    if signature == right and complete and headers["x-amz-security-token"] == token:
        return None
    return error(403, "InvalidSignatureException", f"for {post.target}")


def test_each_post_is_signed_as_aws_checks_it(sender: Sending, standin: StandIn) -> None:
    standin.gate = badly_signed
    ids = [*names(50), "PJqB0fHsqRcCHlw=", "a-b_c9fHsqRcCHl=", "AAAAAAAAAAAAAAAA"]
    custom = standin.url.replace("/dev", "")
    result = sender.send([*at(standin, ids), *((each, custom) for each in names(5))])
    assert result.error == ""
    assert result.counts["delivered"] == len(ids) + 5
    posts = [each.post for each in standin.answered]
    assert {post.target.split("@")[0] for post in posts} == {"/dev/", "/"}
    assert {post.body for post in posts} == {PAYLOAD}
    assert {"/eu-west-1/execute-api/" in post.headers["authorization"] for post in posts} == {True}


@contextmanager
def credentials() -> Iterator[tuple[str, list[str]]]:
    """A URL as Lambda and ECS have it, and the keys it gives: the last, good for five minutes."""
    keys = ["OLD"]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            expires = datetime.now(timezone.utc) + timedelta(minutes=5)
            body = {"AccessKeyId": keys[-1], "SecretAccessKey": SECRET, "Token": TOKEN}
            answer = json.dumps({**body, "Expiration": expires.isoformat()}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", keys
        finally:
            server.shutdown()
            thread.join()


def test_credentials_that_rotate_in_mid_flight(
    app: Path, certificate: Certificate, standin: StandIn, tmp_path: Path
) -> None:
    with credentials() as (url, keys):

        def gate(post: Post) -> Answer | None:
            if len(standin.statuses(200)) == 200 and keys[-1] == "OLD":
                keys.append("NEW")
            if f"={keys[-1]}/" not in post.headers["authorization"]:
                return error(403, "ExpiredTokenException", "The security token is expired")
            return badly_signed(post)

        standin.gate = gate
        environment = {"AWS_CA_BUNDLE": str(certificate.authority), "FANOUT_RPS": "5000"}
        environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = url
        with sending(app, tmp_path / "log", **environment) as sender:
            ids = names(600)
            result = sender.send(at(standin, ids), seconds=40)
            check(result, ids, standin)
            assert result.counts["delivered"] == len(ids)
            assert keys == ["OLD", "NEW"]


def test_connections_are_kept_between_calls(sender: Sending, standin: StandIn) -> None:
    standin.latency = 0.005
    assert sender.send(at(standin, names(200))).counts["delivered"] == 200
    opened = standin.connections
    assert 1 < opened < 200
    assert sender.send(at(standin, names(200))).counts["delivered"] == 200
    # Some may be opened that were not needed before; without keeping, it would be all again.
    assert standin.connections < opened * 1.5


@pytest.mark.parametrize("noticed", [True, False])
def test_kept_connections_that_were_closed_lose_nobody(
    sender: Sending, standin: StandIn, noticed: bool
) -> None:
    """Closed while idle, or just as the next post comes in."""
    standin.latency = 0.005
    assert sender.send(at(standin, names(100))).counts["delivered"] == 100
    opened = standin.connections
    if noticed:
        standin.close_connections()
    else:
        close = Answer(then="close", read=False)
        standin.gate = lambda post: close if post.connection <= opened else None
    ids = names(100)
    result = sender.send(at(standin, ids))
    check(result, ids, standin)
    assert result.counts["delivered"] == 100, sender.log
    assert standin.connections > opened


def test_a_small_broadcast_is_not_stuck_behind_a_large_one(
    sender: Sending, standin: StandIn
) -> None:
    standin.latency = 0.01
    large = sender.start(at(standin, names(5000)), seconds=60)
    wait_for(lambda: len(standin.answered) > 100)
    small = sender.start(at(standin, names(10)), seconds=60)
    assert sender.next()[:2] == (small, {"delivered": 10, "gone": 0, "failed": 0, "untried": 0})
    assert len(standin.answered) < 2500
    assert large < small


def test_no_more_is_sent_a_second_than_is_allowed(
    app: Path, certificate: Certificate, standin: StandIn, tmp_path: Path
) -> None:
    environment = trusting(certificate, FANOUT_RPS="50")
    with sending(app, tmp_path / "log", **environment) as sender:
        ids = names(1000)
        begin = time.monotonic()
        result = sender.send(at(standin, ids), seconds=2)
        taken = time.monotonic() - begin
    check(result, ids, standin)
    assert 0 < len(standin.answered) <= 50 * (taken + 1)  # a second's worth at once, at most
    assert result.counts["untried"] > 500


def test_without_a_limit(
    app: Path, certificate: Certificate, standin: StandIn, tmp_path: Path
) -> None:
    with sending(app, tmp_path / "log", **trusting(certificate, FANOUT_RPS="0")) as sender:
        assert sender.send(at(standin, names(50))).counts["delivered"] == 50


def wait_for(condition: Callable[[], bool], seconds: float = 10) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come"
        time.sleep(0.005)

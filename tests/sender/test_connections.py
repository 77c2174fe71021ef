"""What becomes of a fan-out where connections hang, end, or lead to somebody else."""

from contextlib import closing
from pathlib import Path
from socket import create_server

import pytest

from tests.certificates import Certificate, make
from tests.sender.checks import at, check, names, trusting, wait_for
from tests.sender.sender import LATE, Sending, sending
from tests.sender.standin import Answer, Script, StandIn, ok, serving

HANGS = {
    "no answer": Answer(then="hang"),
    "half an answer": Answer(ok().data[:10], then="hang"),
    "a body that does not come": ok("Content-Length: 9\r\n", then="hang"),
    "a byte now and then": Answer(ok().data * 100, pause=0.2),
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


def test_a_payload_that_no_socket_takes_at_once(
    app: Path, certificate: Certificate, standin: StandIn, tmp_path: Path
) -> None:
    payload, ids = b'{"data":"%s"}' % (bytes(range(35, 91)) * 2300), names(20)
    for each in ids[::2]:
        standin.scripts[each] = Script([Answer(then="reset", read=False)])
    environment = trusting(certificate, SMALL_BUFFERS="1")
    with sending(app, tmp_path / "log", **environment) as sender:
        result = sender.send(at(standin, ids), payload=payload)
        check(result, ids, standin)
        assert result.counts["delivered"] == len(ids), sender.log
    assert {each.post.body for each in standin.answered if each.status == 200} == {payload}

"""The result of sending where connections hang, end, or lead to another server."""

import socket
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from tests.certificates import Certificate, make_certificate
from tests.sender.fake_api import FakeApi, Reply, Script, listen, ok, serve
from tests.sender.process import SenderProcess, run_sender
from tests.sender.support import (
    assert_consistent,
    environment,
    new_ids,
    recipients,
    wait_for,
)

HANGS = {
    "no response": Reply(then="hang"),
    "half a response": Reply(ok().data[:10], then="hang"),
    "a body that does not come": ok("Content-Length: 9\r\n", then="hang"),
    "a byte now and then": Reply(ok().data * 100, pause_seconds=0.2),
}


def test_server_that_hangs_is_left_at_the_deadline(sender: SenderProcess, api: FakeApi) -> None:
    ids = new_ids(100)
    for number, each in enumerate(ids):
        api.scripts[each] = Script(last=list(HANGS.values())[number % len(HANGS)])
    result = sender.send(recipients(api, ids), seconds=1)
    assert_consistent(result, ids, api)
    posts = Counter(each.post.connection_id for each in api.answered)
    assert max(posts.values(), default=0) <= 1
    assert sender.send(recipients(api, new_ids(50))).counts["delivered"] == 50


def test_server_that_hangs_once_is_retried(
    app: Path, certificate: Certificate, api: FakeApi, tmp_path: Path
) -> None:
    ids = new_ids(20)
    for each, hang in zip(ids, HANGS.values(), strict=False):
        api.scripts[each] = Script([hang])
    variables = environment(certificate, TIMEOUT_SECONDS="1")
    with run_sender(app, tmp_path / "log", **variables) as sender:
        result = sender.send(recipients(api, ids))
        assert_consistent(result, ids, api)
        assert result.counts["delivered"] == len(ids), sender.log


def test_deadline_while_connections_are_opened_counts_every_recipient(
    sender: SenderProcess, api: FakeApi
) -> None:
    api.override = lambda post: HANGS["no response"]
    for milliseconds in range(0, 80, 4):
        ids = new_ids(100)
        result = sender.send(recipients(api, ids), seconds=milliseconds / 1000)
        assert_consistent(result, ids, api)


def test_server_without_a_handshake_is_left_at_the_deadline(sender: SenderProcess) -> None:
    with closing(listen()) as silent:
        url = f"https://127.0.0.1:{silent.getsockname()[1]}/dev"
        result = sender.send([(each, url) for each in new_ids(30)], seconds=1)
    assert not result.error
    assert result.counts["failed"] + result.counts["untried"] == 30


def test_server_that_refuses_affects_no_other_server(sender: SenderProcess, api: FakeApi) -> None:
    with closing(socket.socket()) as bound:
        # The port is reserved, and refuses connections.
        bound.bind(("127.0.0.1", 0))
        url = f"https://127.0.0.1:{bound.getsockname()[1]}/dev"
        ids = new_ids(30)
        refused = [(each, url) for each in ids[:5]]
        result = sender.send([*refused, *recipients(api, ids[5:])])
    assert_consistent(result, ids, api)
    assert result.counts == {"delivered": 25, "gone": 0, "failed": 5, "untried": 0}


def test_deadline_in_the_past_leaves_all_untried(sender: SenderProcess, api: FakeApi) -> None:
    result = sender.send(recipients(api, new_ids(30)), seconds=-5)
    assert result.counts == {"delivered": 0, "gone": 0, "failed": 0, "untried": 30}
    assert api.answered == []


def test_sending_starts_before_all_recipients_are_read(sender: SenderProcess, api: FakeApi) -> None:
    ids = new_ids(40)
    sender.start(recipients(api, ids), pause_after=30)
    wait_for(lambda: len(api.statuses(200)) == 30)
    sender.resume()
    assert sender.next_result().counts["delivered"] == 40


def test_more_recipients_than_are_read_at_a_time_get_one_post_each(
    sender: SenderProcess, api: FakeApi
) -> None:
    ids = new_ids(4500)
    result = sender.send(recipients(api, ids))
    assert_consistent(result, ids, api)
    assert api.statuses(200) == dict.fromkeys(ids, 1)


@pytest.mark.parametrize("host", ["other.example", "127.0.0.1"])
def test_certificate_that_is_not_valid_raises_and_nothing_is_sent(
    app: Path, certificate: Certificate, tmp_path: Path, host: str
) -> None:
    other = make_certificate(tmp_path, host)
    trusted = certificate if host == "127.0.0.1" else other
    variables = environment(trusted)
    with serve(other) as api, run_sender(app, tmp_path / "log", **variables) as sender:
        result = sender.send(recipients(api, new_ids(300)))
        assert "certificate verify failed" in result.error
        assert api.answered == []


def test_restarted_server_is_used_and_another_one_is_not(
    app: Path, certificate: Certificate, tmp_path: Path
) -> None:
    """A restarted server no longer knows the TLS session that the sender would resume."""
    impostor = make_certificate(tmp_path, "127.0.0.1")
    variables = environment(certificate)
    with closing(listen()) as listener, run_sender(app, tmp_path / "log", **variables) as sender:
        for _ in range(2):
            with serve(certificate, listener) as api:
                assert sender.send(recipients(api, new_ids(50))).counts["delivered"] == 50
        with serve(impostor, listener) as api:
            result = sender.send(recipients(api, new_ids(50)))
            assert "certificate verify failed" in result.error
            assert api.answered == []


def test_tls_session_of_a_restarted_server_replaces_the_old_one(
    app: Path, certificate: Certificate, tmp_path: Path
) -> None:
    """A sender that kept offering the old session would resume none, for as long as it runs."""
    variables = environment(certificate)
    with closing(listen()) as listener, run_sender(app, tmp_path / "log", **variables) as sender:
        for _ in range(3):
            with serve(certificate, listener) as api:
                for _ in range(2):
                    assert sender.send(recipients(api, new_ids(50))).counts["delivered"] == 50
                    api.close_connections()
                assert 0 < api.resumed_count < api.connection_count


def test_open_connections_are_used_by_the_next_call(sender: SenderProcess, api: FakeApi) -> None:
    api.latency_seconds = 0.005
    assert sender.send(recipients(api, new_ids(200))).counts["delivered"] == 200
    opened, posts = api.connection_count, len(api.answered)
    assert opened < 200
    assert sender.send(recipients(api, new_ids(200))).counts["delivered"] == 200
    assert any(each.post.connection_number <= opened for each in api.answered[posts:])


@pytest.mark.parametrize("closed", ["while idle", "after the next post"])
def test_open_connections_that_were_closed_are_replaced(
    sender: SenderProcess, api: FakeApi, closed: str
) -> None:
    api.latency_seconds = 0.005
    assert sender.send(recipients(api, new_ids(100))).counts["delivered"] == 100
    opened = api.connection_count
    if closed == "while idle":
        api.close_connections()
    else:
        close = Reply(then="close", reads_body=False)
        api.override = lambda post: close if post.connection_number <= opened else None
    ids = new_ids(100)
    result = sender.send(recipients(api, ids))
    assert_consistent(result, ids, api)
    assert result.counts["delivered"] == 100, sender.log
    assert api.connection_count > opened


def test_payload_larger_than_the_send_buffer_is_delivered(
    app: Path, certificate: Certificate, api: FakeApi, tmp_path: Path
) -> None:
    payload, ids = b'{"data":"%s"}' % (bytes(range(35, 91)) * 2300), new_ids(20)
    for each in ids[::2]:
        api.scripts[each] = Script([Reply(then="reset", reads_body=False)])
    variables = environment(certificate, SMALL_BUFFERS="1")
    with run_sender(app, tmp_path / "log", **variables) as sender:
        result = sender.send(recipients(api, ids), payload=payload)
        assert_consistent(result, ids, api)
        assert result.counts["delivered"] == len(ids), sender.log
    assert {each.post.body for each in api.answered if each.status == 200} == {payload}

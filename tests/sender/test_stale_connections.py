"""Fan-outs over connections that have ended while the function was frozen."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.certificates import Certificate
from tests.sender.fake_api import FakeApi, Post, Reply, error
from tests.sender.process import SenderProcess, run_sender
from tests.sender.support import assert_consistent, environment, new_ids, recipients

pytestmark = pytest.mark.full

# The peer has forgotten the connection. It answers a request with a reset, or not at all. A gateway
# between the two answers with an error.
STALE = {
    "502": replace(error(502), then="close"),
    "408": replace(error(408), then="close"),
    "reset": Reply(then="reset", reads_body=False),
    "closed": Reply(then="close", reads_body=False),
    "silence": Reply(then="hang", reads_body=False),
}

# The deadline. A sender that waits for the other timeouts, of ten minutes, misses it.
SECONDS = 300
TIMEOUTS = {"TIMEOUT_SECONDS": "600", "FIRST_TIMEOUT_SECONDS": "3"}


def fan_out(sender: SenderProcess, api: FakeApi, size: int) -> list[str]:
    """Send to new recipients, and assert that each got one post. Return their ids."""
    ids = new_ids(size)
    result = sender.send(recipients(api, ids), seconds=SECONDS)
    assert_consistent(result, ids, api)
    assert result.counts["delivered"] == size, sender.log
    assert [api.statuses(200)[each] for each in ids] == [1] * size
    return ids


def open_connections(sender: SenderProcess, api: FakeApi) -> int:
    """Fan out to 100 recipients; return the number of connections that stay open."""
    api.latency_seconds = 0.02
    fan_out(sender, api, 100)
    api.latency_seconds = 0
    assert api.connection_count > 3
    return api.connection_count


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("end", STALE)
def test_fan_out_over_stale_connections_reaches_each_recipient_once(
    app: Path, certificate: Certificate, api: FakeApi, tmp_path: Path, end: str, size: int
) -> None:
    with run_sender(app, tmp_path / "log", **environment(certificate, **TIMEOUTS)) as sender:
        opened = open_connections(sender, api)

        def be_stale(post: Post) -> Reply | None:
            return STALE[end] if post.connection_number <= opened else None

        api.override = be_stale
        lost_before = len(api.answered)
        fan_out(sender, api, size)
        lost = [each for each in api.answered[lost_before:] if each.status != 200]
        # One for each recipient that was sent to before the first failure.
        assert 1 <= len(lost) <= size
        fan_out(sender, api, size)
        # The second fan-out used none of the stale connections.
        assert len([each for each in api.answered if each.status != 200]) == len(lost)


@pytest.mark.parametrize("size", [1, 3, 100])
@pytest.mark.parametrize("end", STALE)
def test_boto3_over_stale_connections_reaches_each_recipient_once(
    app: Path, certificate: Certificate, api: FakeApi, tmp_path: Path, end: str, size: int
) -> None:
    variables = environment(certificate, FANOUT_SENDER="boto3", **TIMEOUTS)
    with run_sender(app, tmp_path / "log", **variables) as sender:
        opened = open_connections(sender, api)
        api.override = lambda post: STALE[end] if post.connection_number <= opened else None
        fan_out(sender, api, size)
        fan_out(sender, api, size)


def test_one_stale_connection_among_many_costs_one_more_request(
    app: Path, certificate: Certificate, api: FakeApi, tmp_path: Path
) -> None:
    with run_sender(app, tmp_path / "log", **environment(certificate, **TIMEOUTS)) as sender:
        opened = open_connections(sender, api)
        stale: set[int] = set()

        def end_the_first(post: Post) -> Reply | None:
            if not stale:
                stale.add(post.connection_number)
            return STALE["silence"] if post.connection_number in stale else None

        api.override = end_the_first
        fan_out(sender, api, 100)
        assert [each.status for each in api.answered].count(0) == 1
        assert stale <= set(range(opened + 1))


def test_connections_that_were_idle_too_long_are_not_used(
    app: Path, certificate: Certificate, api: FakeApi, tmp_path: Path
) -> None:
    variables = environment(certificate, MAX_IDLE_SECONDS="0")
    with run_sender(app, tmp_path / "log", **variables) as sender:
        opened = open_connections(sender, api)
        posts = len(api.answered)
        fan_out(sender, api, 30)
        assert min(each.post.connection_number for each in api.answered[posts:]) > opened


def test_connections_are_not_used_after_the_time_that_peers_keep_them(app: Path) -> None:
    """AWS's own SDKs use no connection that was idle for a minute."""
    source = (app / "chalicelib/sender/pool.py").read_text()
    (line,) = [each for each in source.splitlines() if each.startswith("MAX_IDLE_SECONDS = ")]
    assert 1 <= float(line.partition("=")[2]) <= 60

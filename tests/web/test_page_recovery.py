"""The page when something breaks: nothing is lost, and nothing comes twice."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from tests.conftest import Bake
from tests.local.gateway import Gateway, client, dynamodb, poll, replace, serving
from tests.web.browser import Tab, missing, wait_until

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"{missing()} is not on this machine")


def two_in(channel: str, driver: Chrome, url: str) -> tuple[Tab, Tab]:
    """Ann and Bob, both in a channel, each of them seeing the other there."""
    tabs = Tab(driver, url), Tab(driver, url)
    for tab, name in zip(tabs, ("Ann", "Bob"), strict=True):
        tab.take_name(name)
        tab.join(channel)
    tabs[0].wait_for("#members .name", "Bob")
    return tabs


def offline(tab: Tab) -> None:
    """Wait until a tab says that it is offline."""
    wait_until(
        lambda: tab.texts("#state-text") != ["Online"] and tab.texts("#countdown") != [""],
        lambda: tab.texts("#state"),
    )


def test_the_gateway_is_killed_and_comes_back(app: Path, tmp_path: Path, driver: Chrome) -> None:
    """One gateway serves the page, which talks to another; what is stored outlives that."""
    folders = [tmp_path / name for name in ("page", "first", "second")]
    for folder in folders:
        folder.mkdir()
    with dynamodb(app) as database, serving(app, app, folders[0]) as host:
        options = [f"--database={database}", f"--allow-origin={host.page.rstrip('/')}"]
        with serving(app, app, folders[1], *options) as first:
            url = f"{host.page}?url={first.url}"
            ann, bob = two_in("tea", driver, url)
            assert ann.texts("#foreign-host") == [f"127.0.0.1:{first.port}"]
            ann.say("before")
            for tab in (ann, bob):
                tab.hears("before")
            os.killpg(first.pid, signal.SIGSTOP)
            ann.say("in flight")
            os.killpg(first.pid, signal.SIGKILL)
            offline(ann)
            offline(bob)
            ann.say("written offline")
            pending = ["in flight", "written offline"]
            assert ann.texts(".message.pending .data") == pending
            ann.visit(url)  # a reload, too, loses nothing of it
            assert ann.texts(".message.pending .data") == pending
        with serving(app, app, folders[2], *options, f"--port={first.port}") as second:
            with client(second.url) as carl:
                carl.send('{"action": "join", "channel": "tea"}')
                poll(lambda: "joined" in str(carl.recv()) or None)
                carl.send('{"action": "broadcast", "channel": "tea", "data": "from Carl"}')
                poll(lambda: "sent" in str(carl.recv()) or None)
            for tab in (ann, bob):
                tab.retry()
                tab.wait_for("#state", "Online")
            # A tab may have come back by itself, before Carl or after him.
            ann.shows(4)
            heard = ann.messages()
            assert sorted(heard) == sorted(["before", "from Carl", *pending])
            assert ann.texts(".message.own .data") == ["before", *pending]
            for tab in (ann, bob):
                tab.hears(*heard)
            bob.say("after")
            for tab in (ann, bob):
                tab.hears(*heard, "after")


@pytest.mark.parametrize("ends", [4, pytest.param(30, marks=pytest.mark.full)])
def test_connections_end_while_messages_flow(
    app: Path, tmp_path: Path, driver: Chrome, ends: int
) -> None:
    with serving(app, app, tmp_path, "--max-duration=3") as gateway:
        ann, bob = two_in("tea", driver, gateway.page)
        said: list[str] = []
        while gateway.printed().count("$disconnect") < ends:
            for each in (ann, bob):
                said.append(f"message {len(said)}")
                each.say(said[-1])
                bob.shows(len(said))
        for tab in (ann, bob):
            tab.shows(len(said))
            # Each in its own order; which of two senders was first is open.
            for own in (said[0::2], said[1::2]):
                assert [text for text in tab.messages() if text in own] == own


def change(path: Path, old: str, new: str) -> None:
    """Change a file of an app that is not running yet."""
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))


def test_a_heartbeat_brings_what_was_not_delivered(
    bake: Bake, tmp_path: Path, driver: Chrome
) -> None:
    """The intervals are seconds instead of minutes. The message arrives late, in its place."""
    app = bake(app_name="lossy")
    change(app / "web" / "client" / "connection.js", "4 * 60_000", "4_000")
    keep = "        history.save(push, text)\n"
    lose = "        if push['data'] == 'lost':\n            return Outcome()\n"
    change(app / "chalicelib" / "delivery" / "pushes.py", keep, keep + lose)
    with serving(app, app, tmp_path) as gateway:
        ann, bob = two_in("tea", driver, gateway.page)
        for text in ("before", "lost", "after"):
            ann.say(text)
        bob.hears("before", "lost", "after")
        assert gateway.printed().count("$connect") == 2


def test_a_connection_is_renewed_before_it_ends(bake: Bake, tmp_path: Path, driver: Chrome) -> None:
    """The intervals are seconds. The old connection stays until the new one is ready."""
    app = bake(app_name="brief")
    change(app / "web" / "client" / "connection.js", "4 * 60_000", "1_000")
    change(app / "web" / "client" / "connection.js", "90 * 60_000", "2_000")
    with serving(app, app, tmp_path) as gateway:
        ann, bob = two_in("tea", driver, gateway.page)
        bob.click("#open-profile")
        field = driver.find_element(By.CSS_SELECTOR, "#name-input")
        field.send_keys("by")
        said: list[str] = []
        while gateway.printed().count("$disconnect") < 4:
            said.append(f"message {len(said)}")
            ann.say(said[-1])
            bob.shows(len(said))
            for tab in (ann, bob):
                assert tab.texts("#state") == ["Online"]
        for tab in (ann, bob):
            tab.hears(*said)
        # What he types stays, and where.
        bob.run("if (document.activeElement.id !== 'name-input') throw 'the focus is lost'")
        assert bob.value("#name-input") == "Bobby"


def test_offline_and_online(app: Path, tmp_path: Path, driver: Chrome) -> None:
    with serving(app, app, tmp_path) as gateway:
        ann, bob = two_in("tea", driver, gateway.page)
        os.killpg(gateway.pid, signal.SIGSTOP)
        ann.say("on its way")
        ann.offline(True)
        offline(ann)
        os.killpg(gateway.pid, signal.SIGCONT)
        ann.say("from the tunnel")
        waiting = ["on its way", "from the tunnel"]
        wait_until(lambda: ann.texts(".message.pending .data") == waiting, ann.messages)
        for number in range(3):
            bob.say(f"meanwhile {number}")
        meanwhile = ["meanwhile 0", "meanwhile 1", "meanwhile 2"]
        # What Ann sent may come after them.
        delivered = "#messages .message.own:not(.pending) .data"
        wait_until(lambda: bob.texts(delivered) == meanwhile, bob.messages)
        ann.offline(False)
        bob.shows(5)
        both = bob.messages()
        ann.hears(*both)
        # Whether the first of Ann's had got through, nobody can know: it came once.
        assert [text for text in both if text in meanwhile] == meanwhile
        assert [text for text in both if text not in meanwhile] == ["on its way", "from the tunnel"]


def test_what_is_no_longer_kept_leaves_a_gap_that_shows(
    bake: Bake, tmp_path: Path, driver: Chrome
) -> None:
    app = bake(app_name="forgetful")
    config = app / ".chalice" / "config.json"
    kept = '"HISTORY_SECONDS": "86400"'
    assert kept in config.read_text()
    config.write_text(config.read_text().replace(kept, '"HISTORY_SECONDS": "1"'))
    with serving(app, app, tmp_path) as gateway:
        ann, bob = two_in("tea", driver, gateway.page)
        ann.say("before")
        for tab in (ann, bob):
            tab.hears("before")
        ann.offline(True)
        offline(ann)
        bob.say("missed")
        bob.hears("before", "missed")
        time.sleep(1.5)  # it is the time that has it forgotten
        ann.offline(False)
        ann.wait_for("#messages .gap", "Older messages are no longer kept.")
        bob.say("after")
        ann.hears("before", "after")


def test_what_was_missed_comes_in_pages(app: Path, tmp_path: Path, driver: Chrome) -> None:
    """500 at once, of which one tab sees each live, and the other is away."""
    texts = {f"message {number}" for number in range(500)}
    with serving(app, app, tmp_path) as gateway:
        ann, bob = two_in("tea", driver, gateway.page)
        ann.say("before")
        bob.hears("before")
        ann.offline(True)
        offline(ann)
        flood(gateway, "tea", sorted(texts))
        bob.shows(501)
        ann.offline(False)
        ann.shows(501)
        for tab in (ann, bob):
            first, *others = tab.messages()
            assert first == "before"
            assert len(others) == 500
            assert set(others) == texts
        assert ann.messages() == bob.messages()
        ann.say("after")
        bob.wait_for(".message.other .data", "after")


def flood(gateway: Gateway, channel: str, texts: list[str]) -> None:
    """Broadcast many messages, without waiting for one before the next."""
    with client(gateway.url) as socket:
        socket.send(json.dumps({"action": "join", "channel": channel}))
        # Presence of others may come before the reply.
        while json.loads(socket.recv(timeout=60))["type"] != "joined":
            pass
        for text in texts:
            frame = {"action": "broadcast", "channel": channel, "data": text, "id": text}
            socket.send(json.dumps(frame))
        waiting = set(texts)
        while waiting:
            frame = json.loads(socket.recv(timeout=60))
            if frame.get("id") in waiting:
                assert frame["type"] == "sent"
                waiting.remove(frame["id"])


def test_a_handler_is_edited_in_mid_conversation(
    bake: Bake, tmp_path: Path, driver: Chrome
) -> None:
    app = bake(app_name="edited")
    with serving(app, app, tmp_path) as gateway:
        ann, bob = two_in("tea", driver, gateway.page)
        ann.say("before")
        bob.hears("before")
        actions = app / "chalicelib" / "actions.py"
        push = "push = new_message(channel, data, sender=me)"
        assert push in actions.read_text()
        replace(actions, actions.read_text().replace(push, push.replace("data", "data.upper()")))
        gateway.prints("loaded again")
        ann.say("after")
        for tab in (ann, bob):
            tab.hears("before", "AFTER")
        assert gateway.printed().count("$connect") == 2  # the connections of before


def test_what_the_server_refuses_is_told_and_the_others_go_on(
    bake: Bake, tmp_path: Path, driver: Chrome
) -> None:
    app = bake(app_name="strict")
    actions = app / "chalicelib" / "actions.py"
    push = "    push = new_message(channel, data, sender=me)\n"
    rule = '    if data == "coffee":\n        raise FrameError("bad_field", "say tea", "data")\n'
    actions.write_text(actions.read_text().replace(push, rule + push))
    with serving(app, app, tmp_path) as gateway:
        ann, bob = two_in("tea", driver, gateway.page)
        for text in ("one", "coffee", "two"):
            ann.say(text)
        bob.hears("one", "two")
        ann.wait_for(".message.failed .data", "coffee")
        assert "say tea" in ann.texts(".message.failed .receipt")[0]

"""The page on a link that dies without a sign, as after a sleep or a change of the network.

The times are those of the page's own clock. They are printed, and stand in docs/page.md. A busy
machine may take longer: the tests assert states alone.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.local.gateway import Gateway, serving
from tests.web.browser import Tab, missing, wait_until
from tests.web.faulty_proxy import FaultyProxy, Mode, faulty_proxy

pytestmark = [
    pytest.mark.full,
    pytest.mark.skipif(bool(missing()), reason=f"{missing()} is not installed"),
]

# The states of the page and the requests that it sends, each with its time.
RECORD = """
const start = performance.now();
window.log = [];
const add = (what) => log.push([Math.round(performance.now() - start), what]);
const state = document.querySelector("#state");
const onState = new MutationObserver(() => add(state.dataset.state));
onState.observe(state, {attributeFilter: ["data-state"]});
window.countdowns = [];
const countdown = document.querySelector("#countdown");
const onCountdown = new MutationObserver(() => countdowns.push(countdown.textContent));
onCountdown.observe(countdown, {childList: true});
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (text) {
  add(JSON.parse(text).action);
  return send.call(this, text);
};
"""

EVENTS = {
    "network": "dispatchEvent(new Event('online'))",
    "bfcache": "dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))",
}


@pytest.fixture(scope="module")
def gateway(app: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving(app, app, tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture
def proxy(gateway: Gateway) -> Iterator[FaultyProxy]:
    with faulty_proxy(gateway.port) as proxy:
        yield proxy


def log_of(driver: Chrome) -> list[tuple[int, str]]:
    """Return the events since RECORD, each with its time in ms."""
    return [(ms, what) for ms, what in driver.execute_script("return log")]


def back_online(driver: Chrome, case: str) -> list[str]:
    """Wait until the page is online over another connection; return the events until then."""
    wait_until(lambda: "online" in dict(map(reversed, log_of(driver))), lambda: log_of(driver))  # type: ignore[arg-type]
    log = log_of(driver)
    end = next(index for index, (_, what) in enumerate(log) if what == "online")
    print(f"{case}: {log[: end + 1]}")
    return [what for _, what in log[: end + 1]]


@pytest.mark.parametrize("event", [*EVENTS, "shown again"])
def test_dead_link_is_replaced_after_a_wake(
    gateway: Gateway, proxy: FaultyProxy, driver: Chrome, event: str
) -> None:
    tab = Tab(driver, proxy.page)
    channel = f"dead-{event[:4]}"
    tab.join(channel)
    if event == "shown again":
        driver.minimize_window()
        assert driver.execute_script("return document.hidden")
    proxy.swallow()
    tab.run(RECORD)
    if event == "shown again":
        driver.set_window_size(1200, 800)
    else:
        tab.run(EVENTS[event])
    events = back_online(driver, event)
    # Asked at once, given up, and then a connection that works.
    assert events[0] == "help"
    assert "connecting" in events
    tab.say("over the new one")
    tab.wait_for(".message.own .receipt", "Delivered")
    assert tab.messages() == ["over the new one"]


def test_message_on_a_dead_link_arrives_once(
    gateway: Gateway, proxy: FaultyProxy, driver: Chrome
) -> None:
    tab = Tab(driver, proxy.page)
    tab.join("dead")
    proxy.swallow()
    tab.run(RECORD)
    tab.say("into the void")
    back_online(driver, "a message")
    tab.wait_for(".message.own .receipt", "Delivered")
    assert tab.messages() == ["into the void"]


def test_page_in_view_finds_out_without_an_event(
    gateway: Gateway, proxy: FaultyProxy, driver: Chrome
) -> None:
    tab = Tab(driver, proxy.page)
    tab.join("quiet")
    proxy.swallow()
    tab.run(RECORD)
    back_online(driver, "in view, no event")


def test_handshake_without_an_answer_is_given_up(
    gateway: Gateway, proxy: FaultyProxy, driver: Chrome
) -> None:
    tab = Tab(driver, proxy.page)
    tab.run(RECORD)
    proxy.mode = Mode.SWALLOW
    proxy.cut()
    wait_until(
        lambda: [what for _, what in log_of(driver)].count("offline") >= 2, lambda: log_of(driver)
    )
    wait_until(lambda: "No server answers" in tab.texts("#status")[0], lambda: tab.texts("#status"))
    proxy.mode = Mode.FORWARD
    back_online(driver, "a handshake without an answer")


def test_page_in_view_waits_4_s_at_most_for_a_server_that_returns(
    gateway: Gateway, proxy: FaultyProxy, driver: Chrome
) -> None:
    tab = Tab(driver, proxy.page)
    tab.run(RECORD)
    proxy.mode = Mode.REFUSE
    proxy.cut()
    wait_until(
        lambda: [what for _, what in log_of(driver)].count("offline") >= 6, lambda: log_of(driver)
    )
    proxy.mode = Mode.FORWARD
    returned = driver.execute_script("return performance.now()")
    back_online(driver, "a server that returns")
    print(f"online after {driver.execute_script('return performance.now()') - returned:.0f} ms")
    shown = set(driver.execute_script("return countdowns"))
    assert shown <= {"", *(f": retrying in {seconds} s" for seconds in range(5))}

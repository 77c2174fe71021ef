/** Test what the client does as time passes, with simulated timers. CLIENT is the URL of client.js. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Client, SimulatedSocket, URL_OF_SERVER } from "./simulated.mjs";

/** The page as the client sees it. */
const page = Object.assign(new EventTarget(), { visibilityState: "visible" });
const device = new EventTarget();

let client;
const states = [];

/** Let promises and timers run, in steps of 100 ms. */
async function pass(ms) {
  for (let passed = 0; passed <= ms; passed += 100) {
    mock.timers.tick(100);
    for (let step = 0; step < 50; step += 1) await Promise.resolve();
  }
}

/** Return the client's socket when it is online. */
async function online() {
  client.connect();
  await pass(100);
  const socket = SimulatedSocket.sockets.at(-1);
  socket.open();
  await pass(500);
  assert(client.online);
  return socket;
}

/** The server answers nothing more, and no close comes. */
const goDead = (socket) => { socket.replies = {}; };

const wakes = {
  visibilitychange: () => page.dispatchEvent(new Event("visibilitychange")),
  online: () => device.dispatchEvent(new Event("online")),
  pageshow: () => device.dispatchEvent(new Event("pageshow")),
};

beforeEach(() => {
  mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
  globalThis.document = page;
  globalThis.addEventListener = device.addEventListener.bind(device);
  page.visibilityState = "visible";
  SimulatedSocket.sockets = [];
  states.length = 0;
  client = new Client(URL_OF_SERVER);
  client.addEventListener("state", ({ detail }) => states.push(detail.state));
});

afterEach(() => {
  client.close();
  mock.timers.reset();
  delete globalThis.document;
  delete globalThis.addEventListener;
});

for (const [name, wake] of Object.entries(wakes)) {
  test(`a dead connection is asked within a second of ${name}, and given up after 5 s`, async () => {
    const socket = await online();
    goDead(socket);
    const asked = socket.requests.length;
    wake();
    await pass(900);
    assert.equal(socket.requests.length, asked + 1);
    await pass(3_500);
    assert.equal(SimulatedSocket.sockets.length, 1);
    await pass(1_000);
    assert.equal(SimulatedSocket.sockets.length, 2);
    assert.equal(states.at(-1), "connecting");
  });
}

test("a dead connection is asked after a jump of the clock", async () => {
  const socket = await online();
  goDead(socket);
  const asked = socket.requests.length;
  mock.timers.setTime(Date.now() + 60_000);
  await pass(1_100);
  assert.equal(socket.requests.length, asked + 1);
  await pass(5_000);
  assert.equal(SimulatedSocket.sockets.length, 2);
});

test("a live connection is kept after a wake", async () => {
  await online();
  wakes.online();
  await pass(10_000);
  assert.equal(SimulatedSocket.sockets.length, 1);
  assert(client.online);
});

test("a dead connection of a page in view is noticed within a minute without an event", async () => {
  goDead(await online());
  await pass(55_000);
  assert.equal(SimulatedSocket.sockets.length, 2);
});

test("a hidden page is not asked so often", async () => {
  page.visibilityState = "hidden";
  const socket = await online();
  const asked = socket.requests.length;
  await pass(120_000);
  assert.equal(socket.requests.length, asked);
});

test("a message over a dead connection is sent over another one within 11 s", async () => {
  goDead(await online());
  client.broadcast("lobby", "tea");
  await pass(10_500);
  const second = SimulatedSocket.sockets[1];
  second.open();
  await pass(1_000);
  assert(second.actions().includes("broadcast"));
});

test("an unanswered handshake is given up after 10 s", async () => {
  client.connect();
  await pass(9_800);
  assert.deepEqual(states, ["connecting"]);
  await pass(500);
  assert(states.includes("offline"));
});

test("a server that accepts and says nothing is a failure, and asked again after a wait", async () => {
  const failures = [];
  client.addEventListener("state", ({ detail }) => detail.failures && failures.push(detail.failures));
  client.connect();
  for (let count = 1; count < 4; count += 1) {
    await pass(100);
    const socket = SimulatedSocket.sockets.at(-1);
    goDead(socket);
    socket.open();
    await pass(10_500);
    assert.equal(failures.at(-1), count);
    await pass(4_000);
  }
});

test("a page in view is back within 5 s of the server's return, a hidden one is spread", async () => {
  const { random } = Math;
  Math.random = () => 0.999;
  try {
    for (const [visibility, isWithin] of [["visible", (ms) => ms < 5_000], ["hidden", (ms) => ms > 60_000]]) {
      page.visibilityState = visibility;
      const waits = [];
      const note = ({ detail }) => detail.retryMs !== undefined && waits.push(detail.retryMs);
      client.addEventListener("state", note);
      client.connect();
      for (let failures = 0; failures < 8; failures += 1) {
        await pass(100);
        SimulatedSocket.sockets.at(-1).refuse();
        await pass(waits.at(-1));
      }
      assert(isWithin(waits.at(-1)), `${visibility}: ${waits}`);
      client.removeEventListener("state", note);
      client.close();
    }
  } finally {
    Math.random = random;
  }
});

test("coming back to an offline page tries at once", async () => {
  page.visibilityState = "hidden";
  client.connect();
  for (let failures = 0; failures < 6; failures += 1) {
    await pass(100);
    SimulatedSocket.sockets.at(-1).refuse();
    await pass(failures < 5 ? 64_000 : 0);
  }
  const before = SimulatedSocket.sockets.length;
  page.visibilityState = "visible";
  wakes.visibilitychange();
  await pass(100);
  assert.equal(SimulatedSocket.sockets.length, before + 1);
});

test("a token is renewed before it ends, over a new connection before the old one closes", async () => {
  const encode = (claims) => Buffer.from(JSON.stringify(claims)).toString("base64url");
  let asked = 0;
  client = new Client(URL_OF_SERVER, {
    getToken: () => {
      asked += 1;
      return `e30.${encode({ sub: "ann", exp: Math.floor(Date.now() / 1000) + 100 })}.s`;
    },
  });
  const first = await online();
  for (let seconds = 0; asked < 2 && seconds < 95; seconds += 1) await pass(900);
  assert.equal(asked, 2);
  const second = SimulatedSocket.sockets[1];
  assert.equal(first.state, 1);
  second.open();
  await pass(500);
  assert.equal(first.state, 2);
  assert(client.online);
  assert(client.channels.includes("@ann"));
});

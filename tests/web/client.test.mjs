/** Test the client in web/client/ over a simulated WebSocket. CLIENT is the URL of client.js. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

// Node 18 has no CustomEvent.
globalThis.CustomEvent ??= class extends Event {
  constructor(type, { detail }) {
    super(type);
    this.detail = detail;
  }
};
globalThis.crypto ??= (await import("node:crypto")).webcrypto;

const { Client } = await import(process.env.CLIENT);

const MAX_STATE_READS = 1_000;
const URL = "ws://app.example/api";

/** A WebSocket whose server is the test. `replies` has a function for each action. */
class SimulatedSocket extends EventTarget {
  static OPEN = 1;
  static sockets = [];

  state = 0;
  stateReads = 0;
  requests = [];
  replies = {
    help: () => ({ type: "help", actions: { broadcast: {}, join: {} } }),
    join: ({ channel }) => ({ type: "joined", channel, messages: [], more: false, complete: true }),
    broadcast: ({ channel }) => ({ type: "sent", channel, message_id: "1" }),
  };

  constructor() {
    super();
    SimulatedSocket.sockets.push(this);
  }

  get readyState() {
    // An endless loop of microtasks would end no other way.
    this.stateReads += 1;
    assert(this.stateReads < MAX_STATE_READS, "the client repeats a request without a pause");
    return this.state;
  }

  send(text) {
    const request = JSON.parse(text);
    this.requests.push(request);
    setTimeout(() => {
      const reply = { ...this.replies[request.action](request), id: request.id };
      if (this.state < 3) this.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(reply) }));
    });
  }

  close() {
    this.state = Math.max(this.state, 2);
  }

  /** Complete the handshake. */
  open() {
    this.state = 1;
    this.dispatchEvent(new Event("open"));
  }

  /** Receive a close frame. The TCP connection stays open. */
  receiveCloseFrame() {
    this.state = 2;
  }

  /** End the TCP connection. */
  end() {
    this.state = 3;
    this.dispatchEvent(new Event("close"));
  }

  actions() {
    return this.requests.map(({ action }) => action);
  }
}

globalThis.WebSocket = SimulatedSocket;

const turn = () => new Promise((resolve) => setTimeout(resolve));

/** Return the socket with this index, as soon as the client has made it. */
async function socketAt(index) {
  while (!SimulatedSocket.sockets[index]) await turn();
  return SimulatedSocket.sockets[index];
}

/** Return when the client has this state. */
const stateOf = (client, expected) => new Promise((resolve) => {
  client.addEventListener("state", ({ detail }) => detail.state === expected && resolve(detail));
});

const { random } = Math;
let client;

beforeEach(() => {
  // Random waits become a few milliseconds, and keep their proportions.
  Math.random = () => 1 / 1024;
  SimulatedSocket.sockets = [];
  client = new Client(URL);
});

afterEach(() => {
  client.close();
  Math.random = random;
});

test("a broadcast on a closing connection is sent once, over the next connection", async () => {
  client.connect();
  const first = await socketAt(0);
  const online = stateOf(client, "online");
  first.open();
  await online;
  first.receiveCloseFrame();
  const { sent } = client.broadcast("lobby", "tea");
  sent.catch(() => {});
  // Timers run: the page reacts to its user.
  await turn();
  assert.equal(client.online, false);
  first.end();
  const second = await socketAt(1);
  second.open();
  await sent;
  assert(!first.actions().includes("broadcast"));
  assert.deepEqual(second.actions().filter((action) => action === "broadcast"), ["broadcast"]);
});

test("a connection that closes in the first requests is a failure", async () => {
  const states = [];
  client.addEventListener("state", ({ detail }) => states.push(detail.state));
  client.connect();
  const waits = [];
  for (const index of [0, 1]) {
    const socket = await socketAt(index);
    const offline = stateOf(client, "offline");
    socket.replies.join = () => {
      // Before the client repeats the request.
      setTimeout(() => socket.receiveCloseFrame());
      return { type: "error", code: "try_again", message: "Try again." };
    };
    socket.open();
    while (socket.state !== 2) await turn();
    // The client notices, or the TCP connection ends.
    for (let turns = 0; turns < 20; turns += 1) await turn();
    socket.end();
    waits.push((await offline).retryMs);
  }
  assert(!states.includes("online"));
  assert(waits[1] > waits[0]);
  const last = await socketAt(2);
  const online = stateOf(client, "online");
  last.open();
  await online;
});

/** Return the data of the messages that a client hands out of these pushes. */
async function handedOut(...pushes) {
  const data = [];
  client.addEventListener("message", ({ detail }) => data.push(detail.data));
  client.connect();
  const socket = await socketAt(0);
  const online = stateOf(client, "online");
  socket.open();
  await online;
  pushes.forEach((push, number) => {
    const message_id = `${String(number + 1).padStart(12, "0")}-0000000000000000`;
    const frame = { type: "message", message_id, channel: "lobby", sent_at: number, ...push };
    socket.dispatchEvent(new MessageEvent("message", { data: JSON.stringify(frame) }));
  });
  return data;
}

const from = (connection_id, user) => ({ connection_id, name: connection_id, ...(user && { user }) });

test("a message that was sent again over another connection is handed out once", async () => {
  const twice = { nonce: "n", data: { text: "tea" } };
  const user = { nonce: "m", data: "cake" };
  assert.deepEqual(
    await handedOut(
      { ...twice, from: from("A") }, { ...twice, from: from("B") },
      { ...user, from: from("A", "ann") }, { ...user, from: from("B", "ann") },
    ),
    [twice.data, user.data],
  );
});

test("a nonce that another sender has used hides no message", async () => {
  const nonce = "1";
  assert.deepEqual(
    await handedOut(
      { nonce, data: "theirs", from: from("A") }, { nonce, data: "mine", from: from("B") },
      { nonce, data: "same", from: from("A", "ann") }, { nonce, data: "same", from: from("B", "bob") },
      { nonce, data: "same", from: null },
      { nonce, data: "same", from: null },
    ),
    ["theirs", "mine", "same", "same", "same", "same"],
  );
});

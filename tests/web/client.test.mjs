/** Test the client in web/client/ over a simulated WebSocket. CLIENT is the URL of client.js. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import {
  Client, MemoryStorage, message, online, SimulatedSocket, socketAt, stateOf, turn, URL_OF_SERVER,
} from "./simulated.mjs";

const { random } = Math;
let client;

beforeEach(() => {
  // Random waits become a few milliseconds, and keep their proportions.
  Math.random = () => 1 / 1024;
  SimulatedSocket.sockets = [];
  client = new Client(URL_OF_SERVER);
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
  const socket = await online(client);
  pushes.forEach((push, number) => socket.receive(message(number + 1, push)));
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

test("a push cannot pass for an event of the client", async () => {
  const socket = await online(client);
  const heard = [];
  for (const type of ["state", "close", "frame", "fault", "gap", "resumed", "order"]) {
    client.addEventListener(type, ({ detail }) => type !== "frame" && heard.push([type, detail]));
  }
  client.addEventListener("push", ({ detail }) => heard.push(["push", detail.type]));
  for (const type of ["state", "close", "frame", "gap", "order"]) socket.receive({ type, state: "online" });
  assert.deepEqual(heard, ["state", "close", "frame", "gap", "order"].map((type) => ["push", type]));
});

test("a name that the server refuses is told, and not asked for again", async () => {
  await client.setName("?");
  const faults = [];
  client.addEventListener("fault", ({ detail }) => faults.push(detail.field));
  const replies = {
    help: () => ({ type: "help", actions: { name: {}, join: {} } }),
    name: () => ({ type: "error", code: "bad_field", field: "name", message: "name must be visible" }),
  };
  const socket = await online(client, replies);
  assert.deepEqual([faults, client.name], [["name"], ""]);
  socket.end();
  assert(!(await online(client, replies)).actions().includes("name"));
});

test("a frame that does not fit is one fault, and the connection goes on", async () => {
  const socket = await online(client);
  const faults = [];
  client.addEventListener("fault", ({ detail }) => faults.push(detail.code));
  const frames = [
    "not JSON", "null", "[]", '"text"', { type: 5 }, { type: "message", id: {} }, { type: "message" },
    message(1, { from: 3 }), message(1, { sent_at: "now" }), message(1, { message_id: "tea" }),
    { type: "presence", channel: "tea", event: "flew", member: { connection_id: "a", name: "A" } },
    { type: "presence", channel: "tea", event: "left", member: null },
  ];
  frames.forEach((frame) => socket.receive(frame));
  assert.deepEqual(faults, frames.map(() => "bad_frame"));
  assert(client.online);
  socket.replies.help = () => ({ type: "help", actions: null });
  await assert.rejects(client.request("help"), { code: "bad_frame" });
  assert.equal(faults.length, frames.length + 1);
});

test("pages that do not go on are not asked for again and again", async () => {
  const storage = new MemoryStorage();
  storage.setItem(`client of ${URL_OF_SERVER}`, JSON.stringify({ cursors: [["lobby", message(1).message_id]] }));
  client = new Client(URL_OF_SERVER, { storage, storageKey: `client of ${URL_OF_SERVER}` });
  const faults = [];
  client.addEventListener("fault", ({ detail }) => faults.push(detail.code));
  const page = { messages: [message(2)], more: true, complete: true };
  const socket = await online(client, {
    join: ({ channel }) => ({ type: "joined", channel, ...page }),
    history: ({ channel }) => ({ type: "history", channel, ...page }),
  });
  assert.deepEqual(faults, ["bad_frame"]);
  assert.equal(socket.actions().filter((action) => action === "history").length, 1);
});

test("a gap is told after a cut alone, and only if it was longer than the server keeps messages", async () => {
  let now = 0;
  mock.method(performance, "now", () => now);
  client = new Client(URL_OF_SERVER);
  const minutes = (count) => `${(count * 60_000 + 1).toString(16).padStart(12, "0")}-0000000000000000`;
  const join = (keptMinutes) => ({ channel, since }) => ({
    type: "joined", channel, messages: since ? [] : [message(1)], more: false,
    complete: !since || since >= minutes(now / 60_000 - keptMinutes),
  });
  let gaps = 0;
  client.addEventListener("gap", () => { gaps += 1; });
  let socket = await online(client, { join: join(6) });
  const cut = async (cutMinutes, keptMinutes) => {
    socket.end();
    now += cutMinutes * 60_000;
    socket = await online(client, { join: join(keptMinutes) });
  };
  for (const keptMinutes of [6, 0]) {
    socket.replies.join = join(keptMinutes);
    for (let beats = 0; beats < 4; beats += 1) {
      now += 5 * 60_000;
      await client.beat();
    }
    assert.equal(gaps, 0);
  }
  await cut(5, 6);
  assert.equal(gaps, 0);
  await cut(7, 6);
  assert.equal(gaps, 1);
  await cut(1, 0);
  assert.equal(gaps, 2);
  mock.restoreAll();
});

test("a message with keep false is an ephemeral event, and moves no cursor", async () => {
  const heard = [];
  for (const type of ["message", "ephemeral"]) {
    client.addEventListener(type, ({ detail }) => heard.push([type, detail.data]));
  }
  const socket = await online(client);
  socket.receive(message(2, { keep: false }));
  socket.receive(message(1));
  assert.deepEqual(heard, [["ephemeral", 2], ["message", 1]]);
});

test("a refused handshake without a close event is tried again", async () => {
  client.connect();
  (await socketAt(0)).refuse();
  const isOnline = stateOf(client, "online");
  (await socketAt(1)).open();
  await isOnline;
});

test("close() rejects what is not sent, and leaves the storage to others", async () => {
  const storage = new MemoryStorage();
  const first = new Client(URL_OF_SERVER, { storage });
  const { sent } = first.broadcast("lobby", "tea");
  first.close();
  await assert.rejects(sent, { code: "closed" });
  assert.deepEqual(first.outbox, []);
  const second = new Client(URL_OF_SERVER, { storage });
  second.broadcast("lobby", "cake");
  await first.setName("late");
  const { outbox, name } = JSON.parse(storage.getItem(`client of ${URL_OF_SERVER}`));
  assert.deepEqual([outbox.map(({ data }) => data), name], [["cake"], ""]);
  second.close();
});

test("data that cannot be sent is given up, and the others go on", async () => {
  const socket = await online(client);
  const circle = {};
  circle.self = circle;
  for (const data of [circle, undefined, () => 1, 1n, Symbol("tea")]) {
    await assert.rejects(client.broadcast("lobby", data).sent, { code: "bad_field", field: "data" });
  }
  await assert.rejects(client.broadcast("lobby", "я".repeat(20_000)).sent, { code: "too_large" });
  const data = { text: "before" };
  const { sent } = client.broadcast("lobby", data);
  data.text = "after";
  await sent;
  assert.deepEqual(socket.requests.at(-1).data, { text: "before" });
});

test("a message with very many levels is handed out, and the others too", async () => {
  const socket = await online(client);
  const heard = [];
  client.addEventListener("message", ({ detail }) => heard.push(detail.message_id));
  const from = { connection_id: "a", name: "A" };
  const text = JSON.stringify(message(1, { from, nonce: "1" }));
  socket.receive(text.replace('"data":1', `"data":${"[".repeat(12_000)}${"]".repeat(12_000)}`));
  socket.receive(message(2));
  assert.deepEqual(heard, [message(1).message_id, message(2).message_id]);
});

for (const [error, code] of [["SyntaxError", "token"], ["SecurityError", "address"]]) {
  test(`a ${error} of WebSocket is explained, and tried again`, async () => {
    const faults = [];
    client.addEventListener("fault", ({ detail }) => faults.push(detail));
    globalThis.WebSocket = class { constructor() { throw Object.assign(new Error("raw"), { name: error }); } };
    try {
      const isOffline = stateOf(client, "offline");
      client.connect();
      await isOffline;
    } finally {
      globalThis.WebSocket = SimulatedSocket;
    }
    assert.deepEqual(faults.map((each) => each.code), [code]);
    assert(!faults[0].message.includes("raw"));
    (await socketAt(0)).open();
    await stateOf(client, "online");
  });
}

test("close() leaves no timer and no listener", async () => {
  const listeners = [];
  globalThis.addEventListener = (type, listener, { signal }) => listeners.push(signal);
  try {
    await online(client);
    client.close();
    assert(listeners.length > 0);
    assert(listeners.every((signal) => signal.aborted));
    assert.deepEqual(process.getActiveResourcesInfo().filter((name) => name === "Timeout"), []);
  } finally {
    delete globalThis.addEventListener;
  }
});

test("a channel has events of its own", async () => {
  const heard = [];
  client.channel("tea").addEventListener("message", ({ detail }) => heard.push(detail.data));
  const socket = await online(client);
  await client.channel("tea").join();
  socket.receive(message(1));
  socket.receive(message(2, { channel: "tea" }));
  assert.deepEqual(heard, [2]);
  assert(client.channel("tea").joined);
});

test("the codes of close frames reach the owner", async () => {
  const closes = [];
  client.addEventListener("close", ({ detail }) => closes.push(detail));
  (await online(client)).end(4001, "maintenance");
  assert.deepEqual(closes, [{ code: 4001, reason: "maintenance" }]);
});

test("bye is final until connect()", async () => {
  const end = stateOf(client, "signed_out");
  const socket = await online(client);
  socket.receive({ type: "bye", code: "expired", message: "Sign in again." });
  assert.equal((await end).reason, "Sign in again.");
  socket.end();
  for (let turns = 0; turns < 50; turns += 1) await turn();
  assert.equal(SimulatedSocket.sockets.length, 1);
  await online(client);
});

test("getToken is asked before each connection, and null is final", async () => {
  const tokens = ["first", "second", null];
  client = new Client(async () => URL_OF_SERVER, { getToken: async () => tokens.shift() });
  const end = stateOf(client, "signed_out");
  const socket = await online(client);
  assert.deepEqual(socket.protocols, ["chalice-ws.v1", "first"]);
  socket.end();
  const second = await socketAt(1);
  assert.deepEqual(second.protocols, ["chalice-ws.v1", "second"]);
  second.open();
  second.end();
  await end;
});

test("two refusals with fresh tokens are final where the server answers", async () => {
  const { fetch } = globalThis;
  globalThis.fetch = async () => ({});
  try {
    client = new Client(URL_OF_SERVER, { getToken: () => "token" });
    const end = stateOf(client, "refused");
    client.connect();
    (await socketAt(0)).end();
    (await socketAt(1)).end();
    await end;
  } finally {
    globalThis.fetch = fetch;
  }
});

test("messages that were held back are handed out when join is switched off", async () => {
  const heard = [];
  client.addEventListener("message", ({ detail }) => heard.push(detail.data));
  client.connect();
  const first = await socketAt(0);
  first.replies.join = () => null;
  first.open();
  while (!first.actions().includes("join")) await turn();
  first.receive(message(1));
  first.end();
  const isOnline = stateOf(client, "online");
  const second = await socketAt(1);
  second.replies.help = () => ({ type: "help", actions: { broadcast: {} } });
  second.open();
  await isOnline;
  assert.deepEqual(heard, [1]);
});

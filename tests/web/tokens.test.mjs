/** The client and the end of a token, and requests that the server refuses with too_fast. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Client, online, SimulatedSocket, socketAt, stateOf, URL_OF_SERVER } from "./simulated.mjs";

let client;

beforeEach(() => {
  SimulatedSocket.sockets.length = 0;
});
afterEach(() => client.close());

const tooFast = { type: "error", code: "too_fast", message: "wait", retry_after_seconds: 0.02 };

test("messages that are too fast are sent again after the server's time, in order and once", async () => {
  client = new Client(URL_OF_SERVER);
  const accepted = [];
  let refusals = 7;
  const { now } = Date;
  const socket = await online(client, {
    broadcast: ({ channel, data, nonce }) => {
      if (refusals > 0) {
        refusals -= 1;
        // The clock of the device is set back.
        Date.now = () => now() - 24 * 3600 * 1000;
        return tooFast;
      }
      refusals = data === "b" ? 3 : 0;
      accepted.push([data, nonce]);
      return { type: "sent", channel, message_id: "1" };
    },
  });
  const sent = ["a", "b", "c", "d"].map((data) => client.broadcast("lobby", data));
  await Promise.all(sent.map((each) => each.sent));
  Date.now = now;
  assert.deepEqual(accepted, sent.map(({ data, nonce }) => [data, nonce]));
  const tried = socket.requests.filter(({ action }) => action === "broadcast").map(({ data }) => data);
  assert.deepEqual(tried, [..."aaaaaaaa", "b", ..."cccc", "d"]);
  assert.equal(SimulatedSocket.sockets.length, 1);
});

test("a message that waits for the next minute is sent at once over a new connection", async () => {
  client = new Client(URL_OF_SERVER);
  const slow = { ...tooFast, retry_after_seconds: 60 };
  const first = await online(client, { broadcast: () => slow });
  const { sent } = client.broadcast("lobby", "a");
  while (!first.actions().includes("broadcast")) await new Promise((resolve) => setTimeout(resolve));
  const isOnline = stateOf(client, "online");
  first.end();
  (await socketAt(1)).open();
  await isOnline;
  assert.equal((await sent).type, "sent");
});

test("a token that ends is replaced without a sign-in, where getToken has another", async () => {
  const asked = [];
  const states = [];
  const tokens = ["first", "second"];
  client = new Client(URL_OF_SERVER, {
    getToken: (why) => {
      asked.push(why);
      return tokens.shift();
    },
  });
  client.addEventListener("state", ({ detail }) => states.push(detail.state));
  const first = await online(client);
  const isOnline = stateOf(client, "online");
  first.receive({ type: "bye", code: "expired", message: "sign in again" });
  const second = await socketAt(1);
  assert.deepEqual(second.protocols, ["chalice-ws.v1", "second"]);
  second.open();
  await isOnline;
  assert.deepEqual(asked, [{ isRefused: false }, { isRefused: true }]);
  assert.equal(first.state, 2);
  assert(!states.includes("signed_out"));
});

test("a token that ends is final where there is no other", async () => {
  const tokens = ["first", null];
  client = new Client(URL_OF_SERVER, { getToken: () => tokens.shift() });
  const end = stateOf(client, "signed_out");
  (await online(client)).receive({ type: "bye", code: "expired", message: "sign in again" });
  await end;
  assert.equal(SimulatedSocket.sockets.length, 1);
});

test("bye with signed_out is final also where getToken has another token", async () => {
  client = new Client(URL_OF_SERVER, { getToken: () => "token" });
  const end = stateOf(client, "signed_out");
  (await online(client)).receive({ type: "bye", code: "signed_out", message: "sign in again" });
  assert.equal((await end).reason, "sign in again");
  assert.equal(SimulatedSocket.sockets.length, 1);
});

test("getToken hears of a refusal, and not of a server that does not answer", async () => {
  const asked = [];
  const { fetch } = globalThis;
  let isUp = false;
  globalThis.fetch = async () => {
    if (!isUp) throw new TypeError("no answer");
    return {};
  };
  try {
    client = new Client(URL_OF_SERVER, {
      getToken: ({ isRefused }) => {
        asked.push(isRefused);
        return "token";
      },
    });
    client.connect();
    (await socketAt(0)).end();
    const second = await socketAt(1);
    isUp = true;
    second.end();
    (await socketAt(2)).open();
    assert.deepEqual(asked, [false, false, true]);
  } finally {
    globalThis.fetch = fetch;
  }
});

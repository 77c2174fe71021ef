/** Test the client with this Node's own WebSocket: a server refuses it at first. URL and CLIENT are set. */

import assert from "node:assert/strict";
import { test } from "node:test";

const { Client } = await import(process.env.CLIENT);

test("the client comes back after refused handshakes, and lets Node end after close()", async () => {
  const client = new Client(process.env.URL);
  const states = [];
  client.addEventListener("state", ({ detail }) => states.push(detail.state));
  const isOnline = new Promise((resolve) => {
    client.addEventListener("state", ({ detail }) => detail.state === "online" && resolve());
  });
  client.connect();
  await isOnline;
  await client.broadcast("lobby", "tea").sent;
  assert(states.filter((state) => state === "offline").length >= 2, states.join());
  client.close();
});

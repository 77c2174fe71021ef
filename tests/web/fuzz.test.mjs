/** Send random frames to the client. FRAMES is their count, SEED the seed, CLIENT the URL of client.js. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Client, message, online, SimulatedSocket, turn, URL_OF_SERVER } from "./simulated.mjs";

const FRAMES = Number(process.env.FRAMES ?? 5_000);
let seed = Number(process.env.SEED ?? 7);

/** Return a random number below a limit: mulberry32. */
function below(limit) {
  seed = (seed + 0x6d2b79f5) | 0;
  let value = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value;
  return ((value ^ (value >>> 14)) >>> 0) % limit;
}

const one = (list) => list[below(list.length)];
const TEXTS = ["", "lobby", "tea", "constructor", "__proto__", "toString", "1", "2", "ann", "é", "x".repeat(300)];
const KEYS = ["type", "id", "channel", "message_id", "from", "data", "sent_at", "nonce", "ref", "keep", "event",
  "member", "members", "messages", "more", "complete", "actions", "code", "message", "read", "__proto__", "constructor"];
const TYPES = ["message", "presence", "read", "error", "joined", "history", "help", "sent", "members", "state",
  "close", "frame", "fault", "push", "gap", "resumed", "actions", "constructor", "__proto__", undefined];

function value(depth = 0) {
  const kind = below(depth > 2 ? 7 : 10);
  if (kind < 2) return one(TEXTS);
  if (kind === 2) return one([0, -1, 1e308, 17, 0.5]);
  if (kind === 3) return one([true, false, null]);
  if (kind === 4) return message(below(50)).message_id;
  if (kind === 5) return { connection_id: one(TEXTS), name: one(TEXTS) };
  if (kind === 6) return message(below(50), { channel: one(["lobby", "tea"]) });
  if (kind === 7) return Array.from({ length: below(4) }, () => value(depth + 1));
  return record(depth + 1);
}

const record = (depth) =>
  Object.fromEntries(Array.from({ length: below(6) }, () => [one(KEYS), value(depth)]));

/** Return a frame that is valid, almost valid, or nothing of the kind. */
function text() {
  const kind = below(12);
  if (kind === 0) return one(["", "{", "nul", "[]", "5", '"x"', "null", "{}", "\u0000", '{"__proto__":{"type":"message"}}']);
  if (kind === 1) return JSON.stringify(value());
  if (kind < 6) {
    const frame = message(below(1000), { channel: one(["lobby", "tea", "cake"]), from: one([null, { connection_id: "a", name: "A" }, value()]), nonce: one([undefined, "n"]) });
    if (below(2)) frame[one(KEYS)] = value();
    return JSON.stringify(frame);
  }
  return JSON.stringify({ ...record(0), type: one(TYPES), ...(below(3) ? {} : { id: String(below(400)) }) });
}

test(`${FRAMES} random frames raise nothing that is not caught`, async () => {
  const uncaught = [];
  for (const name of ["uncaughtException", "unhandledRejection"]) process.on(name, (error) => uncaught.push(error));
  let client;
  let socket;
  let count = 0;
  const { random } = Math;
  Math.random = () => 1 / 1024;
  for (let number = 0; number < FRAMES; number += 1) {
    if (!client || below(500) === 0) {
      client?.close();
      client = new Client(URL_OF_SERVER);
      for (const type of ["message", "presence", "read", "ephemeral"]) {
        client.addEventListener(type, ({ detail }) => {
          count += 1;
          assert.equal(typeof detail.channel, "string");
        });
      }
      socket = await online(client);
      // From now on the test answers each request, by chance.
      const silent = () => null;
      socket.replies = { help: silent, join: silent, broadcast: silent, history: silent, leave: silent };
      for (const action of ["join", "help", "who", "history", "broadcast"]) {
        client.request(action, { channel: "tea", limit: 5 }).catch(() => {});
      }
      client.join("tea").catch(() => {});
    }
    socket.stateReads = 0;
    socket.receive(text());
    if (client.can("constructor") || client.can("__proto__")) uncaught.push("can");
    if (number % 100 === 0) await turn();
    assert.deepEqual(uncaught, [], `after ${number} frames`);
    if (!client.online) client = null;
  }
  client?.close();
  Math.random = random;
  client = new Client(URL_OF_SERVER);
  await online(client);
  await client.broadcast("lobby", "it works").sent;
  client.close();
  assert(count > FRAMES / 50, `${count} events, ${SimulatedSocket.sockets.length} connections`);
  assert(SimulatedSocket.sockets.length < FRAMES / 10 + 10);
});

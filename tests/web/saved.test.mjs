/** Test what the client in web/client/ stores. CLIENT is the URL of client.js. */

import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";

import { Client, MemoryStorage, online, SimulatedSocket, URL_OF_SERVER } from "./simulated.mjs";

let client;

beforeEach(() => {
  SimulatedSocket.sockets = [];
});

afterEach(() => client?.close());

test("a storage that is full keeps no message that a reload would send again", async () => {
  const storage = new MemoryStorage();
  const key = `client of ${URL_OF_SERVER}`;
  client = new Client(URL_OF_SERVER, { storage, storageKey: key });
  const { sent } = client.broadcast("lobby", "tea");
  assert(storage.getItem(key).includes("tea"));
  for (const max of [storage.getItem(key).length - 1, 0]) {
    storage.setItem = (name, text) => {
      if (text.length > max) throw new Error("QuotaExceededError");
      storage.set(name, text);
    };
    await client.setName("Ann".repeat(20));
    assert.doesNotMatch(storage.getItem(key), /tea/);
  }
  await online(client);
  await sent;
});

test("two clients of one server do not share a storage key, unless told to", () => {
  const storage = new MemoryStorage();
  const clients = [1, 2].map(() => new Client(`${URL_OF_SERVER}?secret=1`, { storage }));
  clients.forEach((each, number) => each.broadcast("lobby", number));
  assert.deepEqual([...storage.keys()], [`client of ${URL_OF_SERVER}`, `client of ${URL_OF_SERVER} (2)`]);
  clients.forEach((each) => each.close());
});

for (const damaged of ["", "{", "null", "5", '{"cursors":5,"outbox":{}}', '{"cursors":[[1,2],null],"outbox":[null,1]}', '{"name":{}}']) {
  test(`a client with the damaged state ${damaged} works`, async () => {
    const storage = new MemoryStorage();
    storage.setItem("key", damaged);
    client = new Client(URL_OF_SERVER, { storage, storageKey: "key" });
    await online(client);
    await client.broadcast("lobby", "tea").sent;
  });
}

test("a state that an older version has stored is found", async () => {
  const storage = new MemoryStorage();
  const outbox = [{ client_id: "n", channel: "tea", data: 1 }];
  storage.setItem("key", JSON.stringify({ name: "Ann", places: [["tea", ""]], outbox }));
  client = new Client(URL_OF_SERVER, { storage, storageKey: "key" });
  assert.deepEqual([client.name, client.channels], ["Ann", ["lobby", "tea"]]);
  assert.deepEqual(client.outbox.map(({ nonce, data }) => [nonce, data]), [["n", 1]]);
});

test("a storage that throws loses nothing but the reload", async () => {
  const fail = () => { throw new Error("blocked"); };
  client = new Client(URL_OF_SERVER, { storage: { getItem: fail, setItem: fail } });
  const faults = [];
  client.addEventListener("fault", ({ detail }) => faults.push(detail.code));
  await online(client);
  await client.broadcast("lobby", "tea").sent;
  assert.deepEqual(faults, ["storage"]);
});

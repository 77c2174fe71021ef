/** What the server sends back. */

/**
 * Send a text, and show it and the reply.
 *
 * @param {import("../client/client.js").Client} client
 * @param {import("./messages.js").Messages} messages
 * @param {string} text
 */
export async function echo(client, messages, text) {
  const reply = await client.request("echo", { data: text });
  const id = (/** @type {number} */ n) => `${Date.now().toString(16).padStart(12, "0")}-${n}`;
  messages.add("own", "You", text, Date.now(), id(0));
  messages.add("other", "Echo", reply.data, Date.now(), id(1));
}

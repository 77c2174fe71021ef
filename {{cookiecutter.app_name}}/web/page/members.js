/** The members of the channel in view. */

import { inView } from "../client/device.js";
import { $, clone, setAvatar } from "./dom.js";

/** @typedef {import("../client/client.js").Client} Client */
/** @typedef {import("./channel.js").Channel} Channel */

// The lobby has no presence. Its list is asked for anew after this time, while a user sees it.
const REFRESH_MS = 4_000;

// A user who does nothing for so long needs no list that is true at each moment.
const IDLE_AFTER_MS = 5 * 60_000;
const IDLE_REFRESH_MS = 30_000;

export class Members {
  #client;
  #current;
  // The clock of the device may be set back. This one is not.
  #activeAt = performance.now();
  #refreshedAt = 0;

  /**
   * @param {Client} client
   * @param {() => Channel} current returns the channel in view
   */
  constructor(client, current) {
    this.#client = client;
    this.#current = current;
    for (const type of ["pointerdown", "keydown", "focus"]) {
      addEventListener(type, () => this.wake(), { passive: true, capture: true });
    }
    setInterval(() => this.#refreshIfDue(), 500);
  }

  /** The user is there. */
  wake() {
    this.#activeAt = performance.now();
  }

  /** @returns {Promise<void>} */
  async refresh() {
    const client = this.#client;
    if (!client.online || !client.can("who")) return;
    this.#refreshedAt = performance.now();
    const channel = this.#current();
    // The server lists nobody there.
    if (channel.name.startsWith("@")) return this.show();
    const reply = await client.request("who", { channel: channel.name });
    channel.setMembers(reply.members, Boolean(reply.more), reply.you);
    this.show();
  }

  /** Show the list, oneself first. */
  show() {
    const { members, more, you } = this.#current();
    const { user } = this.#client;
    // The server lists a user once, with any of the connections.
    const isYou = (/** @type {any} */ member) =>
      user ? member.user === user : member.connection_id === you;
    const list = [...members.values()].sort((a, b) =>
      Number(isYou(b)) - Number(isYou(a)) || a.name.localeCompare(b.name));
    const key = JSON.stringify([list, more, you, user]);
    if ($("members").dataset.key === key) return;
    $("members").dataset.key = key;
    $("members").dataset.you = you;
    $("member-count").textContent = list.length ? `${list.length}${more ? "+" : ""}` : "";
    $("open-members").title = `Members: ${$("member-count").textContent}`;
    $("members").replaceChildren(...list.map((member) => {
      const item = clone("member-item");
      item.querySelector(".name").textContent = member.name;
      item.querySelector(".you").textContent = isYou(member) ? "you" : "";
      setAvatar(item.querySelector(".avatar"), member.name);
      return item;
    }));
  }

  #refreshIfDue() {
    const channel = this.#current();
    if (!inView() || !channel || channel.more) return;
    const now = performance.now();
    const idle = now - this.#activeAt > IDLE_AFTER_MS;
    // Other channels have presence; their list is checked now and then.
    const after = idle || channel.name !== "lobby" ? IDLE_REFRESH_MS : REFRESH_MS;
    if (now - this.#refreshedAt > after) this.refresh().catch(() => {});
  }
}

/** A channel of the user's, as the page shows it. */

import { clone, isolated, nameOf, short, showChannel } from "./dom.js";
import { setReceipt } from "./message.js";
import { Messages } from "./messages.js";

/** @typedef {import("../client/frames.js").Member} Member */

export class Channel {
  item = clone("channel-item");
  title = "";
  /** @type {Map<string, Member>} by connection id */ members = new Map();
  /** Whether there are other members than these. */
  more = false;
  /** The connection id of this tab, where the server tells it. */
  you = "";
  /** The messages on their way, by nonce. @type {Map<string, {item: HTMLElement, data: string, id?: string, changedId?: string}>} */
  unsent = new Map();
  /** The ids of the unread messages. @type {Set<string>} */ #unread = new Set();

  /** @param {string} name @param {() => void} choose */
  constructor(name, choose) {
    this.name = name;
    this.messages = new Messages(name);
    this.label("");
    this.item.firstElementChild.addEventListener("click", choose);
  }

  /** Show the name. @param {string} user the id of the user who is signed in, or "" */
  label(user) {
    this.title = nameOf(this.name, user);
    showChannel(this.item.querySelector(".name"), this.name, user);
    this.item.firstElementChild.title = this.title;
  }

  /** The number of unread messages. */
  get unread() {
    return this.#unread.size;
  }

  /** The id of the first unread message; "" if there is none. */
  get firstUnread() {
    return [...this.#unread].reduce((first, id) => (first && first < id ? first : id), "");
  }

  /** @param {string} id of a message @returns {boolean} */
  isUnread(id) {
    return this.#unread.has(id);
  }

  /** @param {string} id of a message */
  addUnread(id) {
    this.#unread.add(id);
    this.#showUnread();
  }

  /** @param {string} id of a message */
  readOne(id) {
    this.#unread.delete(id);
    this.#showUnread();
  }

  /** @param {string} id of the last message that has been read */
  readTo(id) {
    for (const each of this.#unread) if (each <= id) this.#unread.delete(each);
    this.#showUnread();
  }

  #showUnread() {
    this.item.querySelector(".badge").textContent = this.unread ? `${short(this.unread)} new` : "";
  }

  /** Say what the messages on their way wait for. @param {boolean} online */
  labelUnsent(online) {
    for (const { item, id } of this.unsent.values()) {
      if (!id) setReceipt(item, online ? "Sending…" : "Waiting for the connection");
    }
  }

  /** @param {Member[]} members @param {boolean} more @param {string} [you] */
  setMembers(members, more, you = "") {
    this.members = new Map(members.map((member) => [member.connection_id, member]));
    this.more = more;
    this.you = you;
  }

  /** A message tells who is there, and under which name. @param {Member} member */
  hear(member) {
    if (this.members.size) this.members.set(member.connection_id, member);
  }

  /** @param {"joined" | "left" | "named"} event @param {Member} member */
  presence(event, member) {
    const before = this.members.get(member.connection_id) ?? member;
    const others = () => [...this.members.values()].some(({ name }) => name === member.name);
    // A client that goes on over another connection joins with it before it leaves with the old.
    const again = event === "joined" && others();
    if (event === "left") this.members.delete(member.connection_id);
    else this.members.set(member.connection_id, member);
    if (again || (event === "left" && others())) return;
    const what = event === "named" ? [" is now ", isolated(member.name)] : [` ${event}`];
    this.messages.note(isolated(before.name), ...what);
  }
}

/** @param {number} members @returns {string} */
export const counted = (members) => members === 1 ? "1 member" : `${short(members)} members`;

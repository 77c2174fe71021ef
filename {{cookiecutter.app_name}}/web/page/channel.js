/** A channel of the user's, as the page shows it. */

import { clone, short } from "./dom.js";
import { Messages } from "./messages.js";

/** @typedef {import("../client/frames.js").Member} Member */

export class Channel {
  item = clone("channel-item");
  /** @type {Map<string, Member>} by connection id */ members = new Map();
  /** Whether there are other members than these. */
  more = false;
  /** The connection id of this tab, where the server tells it. */
  you = "";
  /** The messages on their way, by nonce. @type {Map<string, {item: HTMLElement, data: string, id?: string, changedId?: string}>} */
  unsent = new Map();
  /** The id of the first unread message. */
  firstUnread = "";
  #unread = 0;

  /** @param {string} name @param {() => void} choose */
  constructor(name, choose) {
    this.name = name;
    this.messages = new Messages(name);
    this.item.querySelector(".name").textContent = name;
    this.item.firstElementChild.title = name;
    this.item.firstElementChild.addEventListener("click", choose);
  }

  get unread() {
    return this.#unread;
  }

  set unread(count) {
    this.#unread = count;
    this.item.querySelector(".badge").textContent = count ? `${short(count)} new` : "";
  }

  /** @param {number} members how many there are */
  set count(members) {
    this.item.querySelector(".count").textContent = short(members);
    this.item.firstElementChild.title = `${this.name}: ${counted(members)}`;
  }

  /** @param {Member[]} members @param {boolean} more @param {string} [you] */
  setMembers(members, more, you = "") {
    this.members = new Map(members.map((member) => [member.connection_id, member]));
    this.more = more;
    this.you = you;
    if (!more) this.count = members.length;
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
    if (!this.more) this.count = this.members.size;
    if (again || (event === "left" && others())) return;
    const what = event === "named" ? `is now ${member.name}` : event;
    this.messages.note(`${before.name} ${what}`);
  }
}

/** @param {number} members @returns {string} */
export const counted = (members) => members === 1 ? "1 member" : `${short(members)} members`;

/** A channel of the user's, as the page shows it. */

import { clone } from "./dom.js";
import { Log } from "./messages.js";

/** @typedef {{connection_id: string, name: string}} Member */

export class Channel {
  item = clone("channel-item");
  /** @type {Map<string, Member>} by connection id */ members = new Map();
  more = false;
  /** The messages on their way, by nonce. @type {Map<string, HTMLElement>} */
  unsent = new Map();
  #unread = 0;

  /** @param {string} name @param {() => void} choose */
  constructor(name, choose) {
    this.name = name;
    this.log = new Log(name);
    this.item.querySelector(".name").textContent = name;
    this.item.firstElementChild.addEventListener("click", choose);
  }

  get unread() {
    return this.#unread;
  }

  set unread(count) {
    this.#unread = count;
    this.item.querySelector(".badge").textContent = count ? `${count} new` : "";
  }

  /** @param {number} members how many there are */
  set count(members) {
    this.item.querySelector(".count").textContent = String(members);
    this.item.firstElementChild.title = members === 1 ? "1 member" : `${members} members`;
  }

  /** @param {Member[]} members @param {boolean} more whether there are others */
  setMembers(members, more) {
    this.members = new Map(members.map((member) => [member.connection_id, member]));
    this.more = more;
    if (!more) this.count = members.length;
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
    this.log.note(`${before.name} ${what}`);
  }
}

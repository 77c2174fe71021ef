/** The page: wires what the user does and what the client hears to what is shown. */

import { Channel } from "./channel.js";
import { Client, LOBBY, RequestError } from "../client/client.js";
import { $, clone, colour, line, readable } from "./dom.js";
import * as inspector from "./inspector.js";
import * as server from "./server.js";
import { Session } from "./session.js";
import * as status from "./status.js";
import { toast } from "./toasts.js";

const report = (text) => { $("status").textContent = text; };

const STALE_MS = 30_000;

/** @type {Session} */ let session;
/** @type {Client} */ let client;
/** @type {Map<string, Channel>} */ const channels = new Map();
let current = LOBBY;

/** Does the work, and tells the user what to do when the server or the connection fails it. */
async function attempt(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    report(error.message);
  }
}

/** Does the work each time the user asks for it. */
function on(id, type, work) {
  $(id).addEventListener(type, (event) => {
    event.preventDefault();
    report("");
    attempt(work);
  });
}

// Channels

function addChannel(name) {
  if (channels.has(name)) return;
  const channel = new Channel(name, () => select(name));
  channels.set(name, channel);
  $("channels").append(channel.item);
}

function select(name) {
  current = name;
  session.current = name;
  const channel = channels.get(name);
  $("channels").querySelector("[aria-current]")?.removeAttribute("aria-current");
  channel.item.firstElementChild.setAttribute("aria-current", "true");
  report("");
  $("title").textContent = name;
  $("leave").hidden = name === LOBBY;
  $("log").replaceChildren(channel.log.element);
  $("log").scrollTop = 0;
  read(channel);
  showMembers();
  attempt(refreshMembers);
}

function read(channel) {
  session.read(channel.name, channel.log.newest);
  channel.unread = 0;
  showTitle();
}

function showTitle() {
  const unread = [...channels.values()].reduce((sum, each) => sum + each.unread, 0);
  document.title = unread ? `(${unread}) ${$("app-title").textContent}` : $("app-title").textContent;
}

async function join(name) {
  // First, since what comes with the reply is shown in it.
  addChannel(name);
  try {
    await client.join(name);
  } catch (error) {
    if (!client.channels.includes(name)) remove(name);
    throw error;
  }
  choose(name);
}

/** Selects, and moves the focus along: what led here may be gone. */
function choose(name) {
  select(name);
  channels.get(name).item.firstElementChild.focus();
}

function remove(name) {
  channels.get(name)?.item.remove();
  channels.delete(name);
}

async function leave() {
  const name = current;
  await client.leave(name);
  remove(name);
  if (name === current) choose(LOBBY);
}

async function refreshDirectory() {
  if (!client.online || !client.can("channels")) return;
  const reply = await client.request("channels");
  const items = [];
  for (const { channel, members } of reply.channels) {
    const own = channels.get(channel);
    if (own) own.count = members;
    else {
      const item = clone("channel-item");
      item.querySelector(".name").textContent = channel;
      item.querySelector(".count").textContent = members === 1 ? "1 member" : `${members} members`;
      item.firstElementChild.addEventListener("click", () => attempt(() => join(channel)));
      items.push(item);
    }
  }
  if (reply.more) items.push(line("li", "note", "There are more: join them by name."));
  if (!items.length) items.push(line("li", "note", "No others yet."));
  $("directory").replaceChildren(...items);
}

// Members

async function refreshMembers() {
  if (!client.online || !client.can("who")) return;
  const { channel: name, members, more } = await client.request("who", { channel: current });
  channels.get(name)?.setMembers(members, more);
  if (name === current) showMembers();
}

function showMembers() {
  const { members, more } = channels.get(current);
  const names = [...members.values()].map((member) => member.name).sort((a, b) => a.localeCompare(b));
  $("member-count").textContent = `${names.length}${more ? "+" : ""}`;
  $("members").replaceChildren(...names.map((name) => {
    const item = clone("member-item");
    item.querySelector(".name").textContent = name;
    item.querySelector(".avatar").textContent = [...name][0];
    colour(item, name);
    return item;
  }));
}

const refresh = () => Promise.all([refreshMembers(), refreshDirectory()]);

// Messages

/** Shows a broadcast until the message itself has come, or the server has refused it. */
function showUnsent(broadcast) {
  const { channel: name, data, nonce, sent } = broadcast;
  const channel = channels.get(name);
  if (!channel) return;
  const item = channel.log.message("own", "You", data, Date.now());
  channel.unsent.set(nonce, item);
  sent.then(
    ({ message_id }) => channel.unsent.has(nonce) && deliver(channel, nonce, message_id, data),
    ({ message }) => channel.log.fail(item, message, () => send(name, data)),
  );
}

function deliver(channel, nonce, message_id, data) {
  channel.log.deliver(channel.unsent.get(nonce), message_id, data);
  session.own(message_id);
}

function send(name, data) {
  showUnsent(client.broadcast(name, data));
}

async function echo(data) {
  const { log } = channels.get(LOBBY);
  const reply = await client.request("echo", { data });
  log.message("own", "You", data, Date.now(), `${log.newest}~`);
  log.message("other", "Echo", reply.data, Date.now(), `${log.newest}~`);
}

function receive({ channel: name, message_id, from, data, sent_at, nonce }) {
  const channel = channels.get(name);
  if (!channel) return;
  if (channel.unsent.has(nonce)) {
    deliver(channel, nonce, message_id, data);
    channel.unsent.delete(nonce);
  } else if (session.isOwn(message_id)) channel.log.message("own", "You", data, sent_at, message_id);
  else if (from) channel.log.message("other", from.name, data, sent_at, message_id);
  else channel.log.message("notification", "Notification", data, sent_at, message_id);

  if (!session.isNew(name, message_id)) return;
  if (!from && !client.can("broadcast")) toast(name, readable(data));
  if (name === current) return read(channel);
  channel.unread += 1;
  showTitle();
}

// What the client hears

function listen() {
  client.addEventListener("state", ({ detail }) => status.show(detail));
  client.addEventListener("frame", ({ detail }) => inspector.show(detail));
  client.addEventListener("fault", ({ detail }) => report(detail.message));
  client.addEventListener("message", ({ detail }) => receive(detail));
  client.addEventListener("gap", ({ detail }) => channels.get(detail.channel)?.log.gap());
  client.addEventListener("resumed", ({ detail }) => {
    const channel = channels.get(detail.channel);
    if (channel) session.start(detail.channel, channel.log.newest);
  });
  client.addEventListener("presence", ({ detail: { channel: name, event, member } }) => {
    channels.get(name)?.presence(event, member);
    if (name === current) showMembers();
  });
  client.addEventListener("state", ({ detail: { state } }) => {
    if (state !== "online") return;
    report("");
    showSwitchedOn();
    attempt(refresh);
  });
  // Nothing is pushed about who comes to the lobby, or about channels of others.
  let hiddenAt = 0;
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) hiddenAt = Date.now();
    else if (Date.now() - hiddenAt > STALE_MS) {
      client.check();
      attempt(refresh);
    }
  });
}

function showSwitchedOn() {
  for (const part of document.querySelectorAll("[data-action]")) {
    part.hidden = !client.can(part.dataset.action);
  }
  const [kind, title] = client.can("broadcast") ? ["chat", "Chat"]
    : client.can("join") ? ["notifications", "Notifications"] : ["echo", "Echo"];
  document.body.dataset.kind = kind;
  $("app-title").textContent = title;
  $("composer").hidden = kind === "notifications";
  showTitle();
}

// What the user does

function serve() {
  on("name-form", "submit", async () => {
    await client.setName($("name-input").value.trim());
    $("name-input").value = client.name;
    session.name = client.name;
    channels.get(current).log.note(`You are now ${client.name}`);
    await refreshMembers();
  });
  on("join-form", "submit", async () => {
    await join($("channel-input").value);
    $("channel-input").value = "";
  });
  on("leave", "click", leave);
  on("refresh", "click", refresh);
  on("retry", "click", () => client.connect());
  on("composer", "submit", async () => {
    const input = $("message-input");
    const text = input.value;
    if (!text.trim()) return;
    input.value = "";
    $("log").scrollTop = 0;
    if (client.can("join")) return send(current, text);
    await echo(text).catch((error) => {
      input.value ||= text;
      throw error;
    });
  });

  // Where the columns are stacked (see style.css) the panels start folded.
  const wide = matchMedia("(width >= 56rem)");
  const fold = () => {
    for (const panel of document.querySelectorAll("main > * > details")) panel.open = wide.matches;
  };
  wide.addEventListener("change", fold);
  fold();
}

function main() {
  const url = server.address();
  session = new Session(url);
  client = new Client(url, sessionStorage);
  client.name ||= session.name; // a new tab starts with the name last given in any
  $("name-input").value = client.name;
  client.channels.forEach(addChannel);
  listen();
  serve();
  select(channels.has(session.current) ? session.current : LOBBY);
  client.outbox.forEach(showUnsent);
  client.connect();
}

try {
  main();
} catch (error) { // ?url= is no address
  report(error.message);
}

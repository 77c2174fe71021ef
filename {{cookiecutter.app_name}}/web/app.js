import { Client, RequestError } from "./client.js";

const LOBBY = "lobby";
const LOG_LENGTH = 500;

const $ = (id) => document.getElementById(id);
const url = new URLSearchParams(location.search).get("url");
const client = new Client(url ?? `${location.protocol.replace("http", "ws")}//${location.host}/api`);

// The client_id of each message that this page has sent and not yet seen. One for each, and good
// once: all members see it, and could write in this page's name with it.
const mine = new Set();

// A tab keeps its own name and channels; a new tab starts with the name last given in any.
let ownName = sessionStorage.getItem("name") ?? localStorage.getItem("name") ?? "";
let actions = {};
let current = LOBBY;
const channels = new Map();

const can = (action) => action in actions;
const report = (text) => { $("status").textContent = text; };
const clone = (id) => $(id).content.firstElementChild.cloneNode(true);
const line = (tag, className, textContent) =>
  Object.assign(document.createElement(tag), { className, textContent });

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

function channelItem(name, badge, choose) {
  const item = clone("channel-item");
  item.querySelector(".name").textContent = name;
  item.querySelector(".badge").textContent = badge;
  item.firstElementChild.addEventListener("click", choose);
  return item;
}

function addChannel(name) {
  if (channels.has(name)) return;
  const item = channelItem(name, "", () => select(name));
  // Each channel keeps its own log: a shared one, refilled, would be read out again as news.
  const log = clone("channel-log");
  log.setAttribute("aria-label", `Messages in ${name}`);
  channels.set(name, { item, log, members: new Map(), more: false, unread: 0 });
  $("channels").append(item);
}

function select(name) {
  current = name;
  const channel = channels.get(name);
  $("channels").querySelector("[aria-current]")?.removeAttribute("aria-current");
  channel.item.firstElementChild.setAttribute("aria-current", "true");
  // The button that led here may be gone (Leave, or an open channel's): do not lose the focus.
  channel.item.firstElementChild.focus();
  setUnread(channel, 0);
  report("");
  $("title").textContent = name;
  $("leave").hidden = name === LOBBY;
  $("log").replaceChildren(channel.log);
  $("log").scrollTop = 0;
  showMembers();
  attempt(refreshMembers);
}

function setUnread(channel, count) {
  channel.unread = count;
  channel.item.querySelector(".badge").textContent = count ? `${count} new` : "";
}

const joined = () => [...channels.keys()].filter((name) => name !== LOBBY);
const rememberJoined = () => sessionStorage.setItem("channels", JSON.stringify(joined()));

async function join(name) {
  const { channel } = await client.request("join", { channel: name });
  addChannel(channel);
  rememberJoined();
  select(channel);
}

async function leave() {
  const name = current;
  await client.request("leave", { channel: name });
  channels.get(name)?.item.remove();
  channels.delete(name);
  rememberJoined();
  if (name === current) select(LOBBY);
}

async function refreshDirectory() {
  if (!client.online || !can("channels")) return;
  const reply = await client.request("channels");
  const items = reply.channels
    .filter(({ channel }) => !channels.has(channel))
    .map(({ channel, members }) => {
      const count = members === 1 ? "1 member" : `${members} members`;
      return channelItem(channel, count, () => attempt(() => join(channel)));
    });
  if (reply.more) items.push(line("li", "note", "There are more: join them by name."));
  if (!items.length) items.push(line("li", "note", "No others yet."));
  $("directory").replaceChildren(...items);
}

async function refreshMembers() {
  if (!client.online || !can("who")) return;
  const { channel: name, members, more } = await client.request("who", { channel: current });
  if (!channels.has(name)) return;
  const byId = new Map(members.map((member) => [member.connection_id, member]));
  Object.assign(channels.get(name), { members: byId, more });
  showMembers();
}

function showMembers() {
  const { members, more } = channels.get(current);
  const names = [...members.values()].map((member) => member.name).sort((a, b) => a.localeCompare(b));
  $("member-count").textContent = `${names.length}${more ? "+" : ""}`;
  $("members").replaceChildren(...names.map((name) => line("li", "member", name)));
}

client.addEventListener("presence", ({ detail: { channel: name, event, member } }) => {
  const channel = channels.get(name);
  if (!channel) return;
  const before = channel.members.get(member.connection_id) ?? member;
  if (event === "left") channel.members.delete(member.connection_id);
  else channel.members.set(member.connection_id, member);
  const what = event === "named" ? `is now ${member.name}` : event;
  append(channel, line("p", "note", `${before.name} ${what}`));
  showMembers();
});

const refresh = () => Promise.all([refreshMembers(), refreshDirectory()]);

function message(kind, sender, data, sentAt = Date.now()) {
  const item = clone("message-item");
  const [time, body] = item.querySelectorAll("time, .data");
  const sent = new Date(sentAt);
  const isText = typeof data === "string";
  item.classList.add(kind);
  item.querySelector(".sender").textContent = sender;
  time.dateTime = sent.toISOString();
  time.textContent = sent.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  body.classList.toggle("json", !isText);
  body.textContent = isText ? data : JSON.stringify(data, null, 2);
  return item;
}

function append({ log }, item) {
  log.append(item);
  if (log.children.length > LOG_LENGTH) log.firstElementChild.remove();
}

client.addEventListener("message", ({ detail }) => {
  const { channel: name, from, client_id, data, sent_at } = detail;
  const channel = channels.get(name);
  if (!channel) return;
  if (mine.delete(client_id)) append(channel, message("own", "You", data, sent_at));
  else if (from) append(channel, message("other", from.name, data, sent_at));
  else append(channel, message("notification", "Notification", data, sent_at));

  // The lobby has no presence events: who speaks there is there.
  if (from) channel.members.set(from.connection_id, from);
  if (name !== current) setUnread(channel, channel.unread + 1);
  else showMembers();
});

async function send(data) {
  $("log").scrollTop = 0;
  if (can("broadcast")) {
    const client_id = crypto.getRandomValues(new Uint32Array(4)).join("-");
    mine.add(client_id);
    return client.request("broadcast", { channel: current, data, client_id });
  }
  const reply = await client.request("echo", { data });
  append(channels.get(LOBBY), message("own", "You", data));
  append(channels.get(LOBBY), message("other", "Echo", reply.data));
}

on("name-form", "submit", async () => {
  const { name } = await client.request("name", { name: $("name-input").value.trim() });
  ownName = name;
  $("name-input").value = name;
  sessionStorage.setItem("name", name);
  localStorage.setItem("name", name);
  append(channels.get(current), line("p", "note", `You are now ${name}`));
  await refreshMembers();
});

on("join-form", "submit", async () => {
  await join($("channel-input").value);
  $("channel-input").value = "";
});

on("leave", "click", leave);
on("refresh", "click", refresh);

on("composer", "submit", async () => {
  const input = $("message-input");
  const text = input.value;
  if (!text.trim()) return;
  input.value = "";
  await send(text).catch((error) => {
    input.value ||= text;
    throw error;
  });
});

client.addEventListener("state", ({ detail: { state, retryMs } }) => {
  const offline = `Offline: retrying in ${Math.ceil(retryMs / 1000)} s`;
  $("state").textContent = { connecting: "Connecting…", online: "Online", offline }[state];
  $("state").dataset.state = state;
});

client.addEventListener("fault", ({ detail }) => report(detail.message));

client.addEventListener("online", () => attempt(async () => {
  report("");
  actions = (await client.request("help")).actions;
  for (const part of document.querySelectorAll("[data-action]")) {
    part.hidden = !can(part.dataset.action);
  }
  // An app that can only echo gets what is written echoed.
  $("composer").hidden = !can("broadcast") && can("join");

  if (ownName && can("name")) await attempt(() => client.request("name", { name: ownName }));
  const rejoin = (channel) => attempt(() => client.request("join", { channel }));
  if (can("join")) await Promise.all(joined().map(rejoin));
  await refresh();
}));

window.addEventListener("online", () => client.connect());

// Nothing is pushed about who comes to the lobby, or about channels of others.
document.addEventListener("visibilitychange", () => document.hidden || attempt(refresh));

// Where the columns are stacked (see style.css) the panels start folded.
const wide = matchMedia("(width >= 56rem)");
function fold() {
  for (const panel of document.querySelectorAll("details")) panel.open = wide.matches;
}
wide.addEventListener("change", fold);

fold();
$("name-input").value = ownName;
[LOBBY, ...JSON.parse(sessionStorage.getItem("channels") ?? "[]")].forEach(addChannel);
select(LOBBY);
try {
  client.connect();
} catch (error) { // ?url= is no address
  report(error.message);
}

/** The page: the connection between what the user does, what the client hears and what is shown. */

import { Client, LOBBY } from "../client/client.js";
import { Arrivals } from "./arrivals.js";
import { attempt, on } from "./attempt.js";
import * as attention from "./attention.js";
import { Composer } from "./composer.js";
import { Conversation } from "./conversation.js";
import { ask } from "./dialog.js";
import { $, focusShown, isolated, showChannel } from "./dom.js";
import { echo } from "./echo.js";
import { Inbox } from "./inbox.js";
import * as inspector from "./inspector.js";
import { kindOf, showKind } from "./kind.js";
import { closePanels, servePanels } from "./layout.js";
import { Members } from "./members.js";
import { serveName } from "./profile.js";
import { Progress } from "./progress.js";
import * as server from "./server.js";
import { Session } from "./session.js";
import { Sidebar } from "./sidebar.js";
import { SignIn } from "./sign_in.js";
import * as status from "./status.js";
import { tab } from "./storage.js";
import { Typing } from "./typing.js";
import { serveWelcome, showCommand, showWelcome } from "./welcome.js";

/** A failed connection is explained from this one on: the first may be a server that restarts. */
const EXPLAINED_FAILURES = 2;

export class Page {
  current = LOBBY;
  kind = "";
  /** What the server has refused on this connection. */
  refusal = "";

  /** @param {string} url the server's @param {SignIn} signIn */
  constructor(url, signIn) {
    this.url = url;
    this.signIn = signIn;
    this.session = new Session(this.signIn.key);
    this.client = new Client(url, { storage: tab, ...this.signIn.options });
    this.sidebar = new Sidebar(this.client, {
      onChoose: (name) => this.choose(name),
      onJoin: (name) => attempt(() => this.join(name)),
    });
    const onUnread = () => attention.showUnread([...this.sidebar.channels.values()]);
    const onEdit = (/** @type {string} */ text) => this.composer.edit(text);
    this.conversation = new Conversation(this.client, this.session, { onUnread, onEdit });
    this.inbox = new Inbox(this.client, this.session, onUnread);
    this.members = new Members(this.client, () => this.channel);
    this.typing = new Typing(this.client, () => this.current);
    this.composer = new Composer(this.session, {
      onSend: (text) => attempt(() => this.send(text)),
      onInput: () => this.typing.tell(),
    });
    this.arrivals = new Arrivals(this);
    this.progress = new Progress(this.client);
  }

  get channel() {
    return this.sidebar.channels.get(this.current) ?? this.sidebar.add(LOBBY);
  }

  start() {
    const { client, session } = this;
    // A new tab starts with the name last given in any.
    client.name ||= session.name;
    for (const name of client.channels) this.sidebar.add(name);
    this.listen();
    this.serve();
    this.current = this.sidebar.channels.has(session.current) ? session.current : LOBBY;
    this.setKind(session.kind);
    if (!session.kind) this.select(this.current);
    for (const broadcast of client.outbox) {
      const channel = this.sidebar.channels.get(broadcast.channel);
      if (channel) this.conversation.showUnsent(channel, broadcast);
    }
    client.connect();
  }

  /** The view that the page begins with: an inbox shows all channels. */
  get first() {
    return this.kind === "notifications" ? "" : LOBBY;
  }

  /** @param {string} kind "": not known yet */
  setKind(kind) {
    const before = this.kind;
    this.kind = kind;
    if (kind) this.session.kind = kind;
    showKind(this.client, kind);
    $("name-form").hidden ||= this.signIn.isOn;
    if (kind && kind !== before) this.select(this.current === LOBBY ? this.first : this.current);
    attention.showUnread([...this.sidebar.channels.values()]);
  }

  /** @param {string} name of a channel; "" for all of an inbox */
  select(name) {
    this.current = name;
    this.session.current = name;
    this.sidebar.setCurrent(name);
    status.report("");
    showChannel($("title"), name, this.client.user);
    if (!name) $("title").textContent = "All notifications";
    $("title").classList.toggle("all", !name);
    $("leave").hidden = !name || name === LOBBY || name.startsWith("@");
    if (this.kind === "notifications") this.inbox.show(name);
    else this.conversation.show(this.channel);
    this.composer.open(this.kind === "echo" ? "" : name);
    document.body.toggleAttribute("data-personal", name.startsWith("@"));
    this.typing.show();
    this.members.show();
    attempt(() => this.members.refresh());
  }

  /** The user has chosen a channel. @param {string} name */
  choose(name) {
    this.select(name);
    closePanels();
  }

  /** @param {string} name */
  async join(name) {
    // First, since what comes with the reply is shown in it.
    this.sidebar.add(name);
    try {
      await this.progress.join(name, this.client.join(name));
    } catch (error) {
      if (!this.client.channels.includes(name)) this.sidebar.remove(name);
      throw error;
    }
    this.choose(name);
    this.sidebar.focus(name);
    // The user may have written another one meanwhile.
    if (this.sidebar.wanted === name) $("channel-input").value = "";
    await this.sidebar.refresh();
  }

  async leave() {
    const name = this.current;
    const unsent = this.channel.messages.element.querySelector(".pending, .failed");
    const question = `A message in ${name} is not sent yet. Leave, and lose it?`;
    if ((unsent || this.composer.text.trim()) && !(await ask(question, "Leave"))) return;
    await this.client.leave(name);
    this.session.setDraft(name, "");
    this.sidebar.remove(name);
    if (name === this.current) this.select(this.first);
    this.sidebar.focus(LOBBY);
    await this.sidebar.refresh();
  }

  /** @param {string} text */
  async send(text) {
    if (this.kind !== "echo") return this.conversation.send(this.channel, text);
    await echo(this.client, this.channel.messages, text).catch((error) => {
      this.composer.text ||= text;
      throw error;
    });
  }

  listen() {
    const { client, sidebar, session } = this;
    client.addEventListener("frame", ({ detail }) => inspector.show(detail));
    client.addEventListener("fault", ({ detail }) => {
      this.refusal = detail.message;
      status.report(detail.message);
      // Other tabs would begin with it.
      if (detail.field === "name") session.name = "";
    });
    client.addEventListener("actions", () => {
      this.setKind(kindOf(client));
      this.sidebar.label();
      if (this.current) showChannel($("title"), this.current, client.user);
      showWelcome(session, client.can("name") && !this.signIn.isOn);
    });
    client.addEventListener("state", ({ detail }) => this.showState(detail));
  }

  /** @param {import("../client/client.js").State} detail */
  async showState(detail) {
    status.show(detail);
    for (const channel of this.sidebar.channels.values()) channel.labelUnsent(this.client.online);
    const isRefused = ["signed_out", "refused"].includes(detail.state);
    if (isRefused && !this.kind) this.setKind("chat");
    this.signIn.show(isRefused);
    if (detail.state === "connecting") this.refusal = "";
    if (detail.state === "online") {
      this.sidebar.keepJoined();
      this.arrivals.announceMissed();
      await attempt(() => Promise.all([this.members.refresh(), this.sidebar.refresh()]));
      if (this.refusal) status.report(this.refusal);
      return;
    }
    const failures = detail.failures ?? 0;
    // Without an answer, nobody knows the kind: messages can be written all the same.
    if (failures && !this.kind) this.setKind("chat");
    if (failures >= EXPLAINED_FAILURES) {
      const reason = await server.explain(this.url);
      if (!this.client.online) status.report(reason);
    }
  }

  serve() {
    const { client, session } = this;
    const showName = serveName(client, session, () => this.signIn.name, () => {
      this.channel.messages.note("You are now ", isolated(client.name));
      return this.members.refresh();
    });
    this.signIn.serve(() => {
      showName();
      client.connect();
    });
    on("join-form", "submit", () => this.join(this.sidebar.wanted));
    on("leave", "click", () => this.leave());
    on("retry", "click", () => {
      client.connect();
      focusShown($("message-input"), $("messages"));
    });
    $("all").addEventListener("click", () => this.choose(""));
    const showStorage = () => { $("storage-note").hidden = tab.isKept; };
    showStorage();
    // The browser may have no more space later.
    $("profile").addEventListener("beforetoggle", showStorage);
    servePanels();
    serveWelcome(session);
    showCommand(this.url);
    attention.serveSwitch(session);
  }
}

try {
  const found = await server.find();
  new Page(found.url, await SignIn.of(found)).start();
} catch (error) {
  document.body.dataset.kind = "chat";
  $("composer").hidden = true;
  status.show({ state: "closed" });
  $("retry").hidden = true;
  status.report(/** @type {Error} */ (error).message);
}

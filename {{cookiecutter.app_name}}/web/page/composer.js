/** The field that messages are written in. It grows, and keeps a draft for each channel. */

import { $ } from "./dom.js";

const MAX_LENGTH = 4_000;
const COUNTED_FROM = 3_600;

export class Composer {
  #session;
  #channel = "";

  /**
   * @param {import("./session.js").Session} session
   * @param {object} events
   * @param {(text: string) => void} events.onSend
   * @param {() => void} events.onInput
   */
  constructor(session, { onSend, onInput }) {
    this.#session = session;
    $("message-input").addEventListener("input", () => {
      this.#fit();
      session.setDraft(this.#channel, this.text);
      onInput();
    });
    $("message-input").addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => {
      // While a text is composed, as in Japanese, Enter ends that. Safari tells it with a key code.
      const composes = event.isComposing || event.keyCode === 229;
      if (event.key !== "Enter" || event.shiftKey || composes) return;
      event.preventDefault();
      $("composer").requestSubmit();
    });
    // A file or a link that is dropped beside the field would take the place of the page.
    for (const type of ["dragover", "drop"]) {
      addEventListener(type, (event) => {
        if (!/** @type {Element} */ (event.target).closest?.("input, textarea")) event.preventDefault();
      });
    }
    $("composer").addEventListener("submit", (/** @type {Event} */ event) => {
      event.preventDefault();
      const { text } = this;
      if (!text.trim() || text.length > MAX_LENGTH) return $("message-input").focus();
      this.text = "";
      onSend(text);
      $("message-input").focus();
    });
  }

  get text() {
    return $("message-input").value;
  }

  set text(text) {
    $("message-input").value = text;
    this.#session.setDraft(this.#channel, text);
    this.#fit();
  }

  /** Show the draft of another channel. @param {string} channel */
  open(channel) {
    this.#channel = channel;
    this.text = this.#session.draft(channel);
    $("message-input").placeholder = channel ? `Message #${channel}` : "Write a message";
  }

  /** Write a text that was not sent before what is there. @param {string} text */
  edit(text) {
    this.text = [text, this.text].filter(Boolean).join("\n");
    $("message-input").focus();
  }

  /** Give the field the height of its text, and count what is left. */
  #fit() {
    const field = $("message-input");
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight + field.offsetHeight - field.clientHeight}px`;
    const left = MAX_LENGTH - this.text.length;
    $("left").textContent = left > MAX_LENGTH - COUNTED_FROM ? ""
      : left < 0 ? `${-left} over the limit of ${MAX_LENGTH}` : `${left} left`;
    $("left").classList.toggle("over", left < 0);
    field.setAttribute("aria-invalid", String(left < 0));
  }
}

/** Work that may fail because of the server or the connection: the user is told what to do. */

import { RequestError } from "../client/client.js";
import { $ } from "./dom.js";
import { closePanels } from "./layout.js";
import { report } from "./status.js";

/** @param {() => unknown} work */
export async function attempt(work) {
  report("");
  try {
    await work();
  } catch (error) {
    if (!(error instanceof RequestError)) throw error;
    // A drawer would cover it.
    closePanels();
    report(error.message);
  }
}

/**
 * Do the work each time the user asks for it.
 *
 * @param {string} id
 * @param {string} type
 * @param {() => unknown} work
 */
export function on(id, type, work) {
  $(id).addEventListener(type, (/** @type {Event} */ event) => {
    event.preventDefault();
    attempt(work);
  });
}

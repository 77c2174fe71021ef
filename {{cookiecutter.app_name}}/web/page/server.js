/** Which server the page talks to: its own, or the one that ?url= names. */

import { $ } from "./dom.js";

/** @returns {string} its address; throws an Error that says what to write instead */
export function address() {
  const own = `${location.protocol.replace("http", "ws")}//${location.host}/api`;
  const given = new URLSearchParams(location.search).get("url");
  const url = given === null ? own : checked(given);
  const { host, origin } = new URL(url);
  $("server").textContent = host;
  $("server").title = url;
  // A link that somebody made can name any server: whoever follows it shall see that.
  if (host !== location.host) {
    $("foreign").hidden = false;
    $("foreign-host").textContent = url;
  }
  // From here on the page reaches this one server and no other, whatever it runs.
  const policy = { httpEquiv: "Content-Security-Policy", content: `connect-src ${origin}` };
  document.head.append(Object.assign(document.createElement("meta"), policy));
  return url;
}

/** @param {string} given */
function checked(given) {
  const url = URL.canParse(given) ? new URL(given) : null;
  if (!url || !["ws:", "wss:"].includes(url.protocol) || url.hash) {
    throw new Error(`?url= is no address of a server (got '${given}'); use wss://...`);
  }
  return url.href;
}

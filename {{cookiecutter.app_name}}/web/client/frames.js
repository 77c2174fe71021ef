/**
 * The check of each frame that the server sends, before any other code sees it. A frame that is
 * not valid becomes one RequestError with the code `bad_frame`.
 */

import { RequestError } from "./errors.js";

/** @typedef {Record<string, any>} Frame any JSON object */
/**
 * @typedef {object} Member a connection, as others see it
 * @property {string} connection_id
 * @property {string} name
 * @property {string} [user] the person, where signed in
 */
/**
 * @typedef {object} Message
 * @property {"message"} type
 * @property {string} message_id sorts by time
 * @property {string} channel
 * @property {Member | null} from null: from the function `notify`
 * @property {any} data
 * @property {number} sent_at ms since the epoch
 * @property {string} [nonce] chosen by the sender
 * @property {boolean} [keep] false: not in the history
 */
/**
 * @typedef {object} Presence
 * @property {"presence"} type
 * @property {string} channel
 * @property {"joined" | "left" | "named"} event
 * @property {Member} member
 */
/**
 * @typedef {object} Read
 * @property {"read"} type
 * @property {string} channel
 * @property {string} message_id all messages up to it are read
 * @property {boolean} [only] this message alone is read
 */
/**
 * @typedef {object} Bye
 * @property {"bye"} type
 * @property {string} code `signed_out` or `expired`
 * @property {string} message
 */
/** @typedef {{messages: Message[], more: boolean, complete: boolean}} Page */
/** @typedef {(value: any) => boolean} Check */

/** @type {Check} */ const isText = (value) => typeof value === "string";
/** @type {Check} */ const isFlag = (value) => typeof value === "boolean";
/** @type {Check} */ const isNumber = (value) => Number.isFinite(value);
/** @type {Check} */ const isAny = (value) => value !== undefined;
/** @type {Check} */ const isObject = (value) =>
  typeof value === "object" && value !== null && !Array.isArray(value);
/** @type {Check} */ const isMessageId = (value) =>
  isText(value) && /^[0-9a-f]{12}-[0-9a-f]{16}$/.test(value);

/** @param {Check} check @returns {Check} */
const optional = (check) => (value) => value === undefined || check(value);
/** @param {Check} check @returns {Check} */
const listOf = (check) => (value) => Array.isArray(value) && value.every(check);
/** @param {Record<string, Check>} fields @returns {Check} */
const shape = (fields) => (value) =>
  isObject(value) && Object.entries(fields).every(([name, check]) => check(own(value, name)));

/** @param {Frame} frame @param {string} name @returns {any} never a field of Object.prototype */
const own = (frame, name) => (Object.hasOwn(frame, name) ? frame[name] : undefined);

const isMember = shape({ connection_id: isText, name: isText, user: optional(isText) });
const MESSAGE = {
  type: (/** @type {any} */ value) => value === "message",
  message_id: isMessageId,
  channel: isText,
  from: (/** @type {any} */ value) => value === null || isMember(value),
  data: isAny,
  // Date takes no larger number.
  sent_at: (/** @type {any} */ value) => isNumber(value) && Math.abs(value) <= 8.64e15,
  nonce: optional(isText),
  keep: optional(isFlag),
};
const PAGE = {
  messages: listOf(shape(MESSAGE)),
  more: isFlag,
  complete: isFlag,
};
const COUNT = { channel: isText, members: isNumber };

/** @type {Record<string, Record<string, Check>>} the pushes that the client knows, by type */
const PUSHES = {
  message: MESSAGE,
  presence: {
    channel: isText,
    event: (value) => ["joined", "left", "named"].includes(value),
    member: isMember,
  },
  read: { channel: isText, message_id: isMessageId, only: optional(isFlag) },
  bye: { code: isText, message: isText },
};

/** @type {Record<string, Record<string, Check>>} the replies that the client knows, by action */
const REPLIES = {
  help: { actions: isObject },
  name: { name: isText },
  join: { channel: isText, read: optional(isMessageId), read_alone: optional(listOf(isMessageId)) },
  broadcast: { message_id: isText },
  history: PAGE,
  who: { members: listOf(isMember), more: optional(isFlag), you: optional(isText) },
  channels: { channels: listOf(shape(COUNT)), more: optional(isFlag) },
  read: { channel: isText, message_id: isMessageId },
};

/**
 * @param {unknown} text what the server sent
 * @returns {Frame} an object whose `type` and `id` are valid, if it has them
 * @throws {RequestError} bad_frame
 */
export function parse(text) {
  let frame;
  try {
    frame = JSON.parse(/** @type {string} */ (text));
  } catch {
    throw bad("which is not JSON");
  }
  if (!isObject(frame)) throw bad("which is not an object");
  const id = own(frame, "id");
  if (!(id === undefined || isText(id) || isNumber(id))) throw bad("whose id is not valid");
  if (!optional(isText)(own(frame, "type"))) throw bad("whose type is not valid");
  return frame;
}

/**
 * @param {Frame} frame a push
 * @returns {boolean} whether its type is one that the client knows
 * @throws {RequestError} bad_frame
 */
export function isKnownPush(frame) {
  const fields = own(PUSHES, frame.type);
  if (fields) verify(frame, fields);
  return Boolean(fields);
}

/**
 * @param {string} action
 * @param {Frame} request
 * @param {Frame} reply
 * @throws {RequestError} bad_frame
 */
export function checkReply(action, request, reply) {
  const paged = action === "join" && ("limit" in request || "since" in request);
  const fields = own(REPLIES, action);
  if (fields) verify(reply, paged ? { ...fields, ...PAGE } : fields);
}

/** @param {Frame} frame @returns {RequestError} the error that the frame tells of */
export function failure(frame) {
  const [code, message, field] = ["code", "message", "field"].map((name) => {
    const value = own(frame, name);
    return isText(value) ? value : undefined;
  });
  if (code) {
    const error = new RequestError(code, message ?? `The server refused it (${code}).`, field);
    const seconds = own(frame, "retry_after_seconds");
    if (isNumber(seconds)) error.retryAfterMs = Math.min(Math.max(seconds, 0) * 1000, error.retryAfterMs);
    return error;
  }
  // API Gateway's own errors have no code, and do not say what to do.
  return new RequestError("internal", `${message ?? "The server failed"}. Try again.`);
}

/** @param {Frame} frame @param {Record<string, Check>} fields */
function verify(frame, fields) {
  for (const [name, check] of Object.entries(fields)) {
    if (!check(own(frame, name))) throw bad(`whose ${name} is not valid`, name);
  }
}

/** @param {string} what @param {string} [field] */
const bad = (what, field) => new RequestError(
  "bad_frame", `The server sent a frame ${what}. Compare its version with the page's.`, field,
);

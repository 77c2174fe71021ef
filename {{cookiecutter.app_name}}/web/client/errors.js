/** The error of a request, and those that this side makes. */

// The server counts the requests of a minute.
const MAX_TOO_FAST_MS = 60_000;

/** The reason why a request failed. The message says what to do, and can be shown to a user. */
export class RequestError extends Error {
  /** With the code `too_fast`: the time after which the server takes the request. */
  retryAfterMs = MAX_TOO_FAST_MS;

  /**
   * @param {string} code the server's, or one of this side: `offline`, `timeout`, `too_large`,
   *   `closed`, `bad_frame`, `storage`, `address`, `token`, `sign_in`
   * @param {string} message
   * @param {string} [field] the field of the request that is wrong
   */
  constructor(code, message, field) {
    super(message);
    this.name = "RequestError";
    this.code = code;
    this.field = field;
  }
}

export const offline = () => new RequestError("offline", "Not connected. Try again when online.");

export const timeout = () =>
  new RequestError("timeout", "The server did not answer in time. Try again.");

export const closed = () =>
  new RequestError("closed", "The client was closed before this was sent. Connect, and send it again.");

/** @param {unknown} error @returns {boolean} whether the connection was the reason */
export const isLost = (error) =>
  error instanceof RequestError && ["offline", "timeout"].includes(error.code);

/** @param {unknown} error @returns {RequestError} the error, as one that can be shown */
export function asRequestError(error) {
  if (error instanceof RequestError) return error;
  return new RequestError("internal", `The page failed (${error}). Reload it.`);
}

/** Hide the error of a request that takes effect on the next connection. @param {unknown} error */
export function unlessLost(error) {
  if (!isLost(error)) throw error;
}

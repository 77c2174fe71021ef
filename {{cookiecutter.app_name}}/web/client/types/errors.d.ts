/** @param {unknown} error @returns {RequestError} the error, as one that can be shown */
export function asRequestError(error: unknown): RequestError;
/** Hide the error of a request that takes effect on the next connection. @param {unknown} error */
export function unlessLost(error: unknown): void;
/** The reason why a request failed. The message says what to do, and can be shown to a user. */
export class RequestError extends Error {
    /**
     * @param {string} code the server's, or one of this side: `offline`, `timeout`, `too_large`,
     *   `closed`, `bad_frame`, `storage`, `address`, `token`, `sign_in`
     * @param {string} message
     * @param {string} [field] the field of the request that is wrong
     */
    constructor(code: string, message: string, field?: string);
    /** With the code `too_fast`: the time after which the server takes the request. */
    retryAfterMs: number;
    code: string;
    field: string | undefined;
}
export function offline(): RequestError;
export function timeout(): RequestError;
export function closed(): RequestError;
export function isLost(error: unknown): boolean;

/** @param {unknown} address @returns {string} @throws {RequestError} address */
export function checkedAddress(address: unknown): string;
export class Handshake {
    /**
     * @param {Address} address
     * @param {(() => ReturnType<GetToken>) | undefined} getToken
     * @param {object} events one of them is called, once, unless cancel() is called before
     * @param {(socket: WebSocket) => void} events.onOpen
     * @param {(error?: unknown) => void} events.onFail the error is absent if the server refused, or
     *   did not answer
     * @param {() => void} events.onSignedOut getToken returned none
     */
    constructor(address: Address, getToken: (() => ReturnType<GetToken>) | undefined, events: {
        onOpen: (socket: WebSocket) => void;
        onFail: (error?: unknown) => void;
        onSignedOut: () => void;
    });
    /** The address, as soon as it is known. */
    url: string;
    /** The token, as soon as it is known. @type {string | null | undefined} */
    token: string | null | undefined;
    /** End it, without a call of an event. */
    cancel(): void;
    #private;
}
export type Address = string | (() => string | Promise<string>);
export type GetToken = (why: {
    isRefused: boolean;
}) => string | null | undefined | Promise<string | null | undefined>;

/** @typedef {import("./frames.js").Frame} Frame */
/** @typedef {{nonce: string, channel: string, data: unknown}} Unsent */
/**
 * @typedef {object} Broadcast
 * @property {string} nonce comes back in the message
 * @property {string} channel
 * @property {unknown} data
 * @property {Promise<Frame>} sent the server's reply; rejects with the RequestError for which it
 *   was given up
 */
export class Outbox {
    /**
     * @param {Unsent[]} unsent
     * @param {object} connection
     * @param {() => boolean} connection.isOnline
     * @param {(unsent: Unsent) => Promise<Frame>} connection.send
     * @param {() => void} connection.onChange the outbox has another content
     */
    constructor(unsent: Unsent[], connection: {
        isOnline: () => boolean;
        send: (unsent: Unsent) => Promise<Frame>;
        onChange: () => void;
    });
    /** @returns {Broadcast[]} */
    get broadcasts(): Broadcast[];
    /** @returns {Unsent[]} what it takes to send them after a reload */
    get unsent(): Unsent[];
    /** @param {string} channel @param {unknown} data @returns {Broadcast} */
    add(channel: string, data: unknown): Broadcast;
    /** Give all up. @param {RequestError} error */
    reject(error: RequestError): void;
    /** Send them as long as the client is online. */
    pump(): Promise<void>;
    #private;
}
export type Frame = import("./frames.js").Frame;
export type Unsent = {
    nonce: string;
    channel: string;
    data: unknown;
};
export type Broadcast = {
    /**
     * comes back in the message
     */
    nonce: string;
    channel: string;
    data: unknown;
    /**
     * the server's reply; rejects with the RequestError for which it
     * was given up
     */
    sent: Promise<Frame>;
};
import { RequestError } from "./errors.js";

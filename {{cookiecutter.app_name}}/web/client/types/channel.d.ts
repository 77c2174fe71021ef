/** @typedef {import("./client.js").Client} Client */
/**
 * The events and methods of one channel.
 *
 * @extends {Emitter<import("./events.js").ChannelEvents>}
 */
export class Channel extends Emitter<import("./events.js").ChannelEvents> {
    /** @param {Client} client @param {string} name */
    constructor(client: Client, name: string);
    name: string;
    /** Whether the client is in the channel, or will be when it is online. */
    get joined(): boolean;
    join(): Promise<void>;
    leave(): Promise<void>;
    /**
     * @param {string} messageId the messages up to this one are read, on all devices of the person
     * @param {{only?: boolean}} [options] only: this message, and not those before it
     */
    markRead(messageId: string, options?: {
        only?: boolean;
    }): void;
    /** @param {unknown} data any JSON value @returns {import("./outbox.js").Broadcast} */
    broadcast(data: unknown): import("./outbox.js").Broadcast;
    #private;
}
export type Client = import("./client.js").Client;
import { Emitter } from "./events.js";

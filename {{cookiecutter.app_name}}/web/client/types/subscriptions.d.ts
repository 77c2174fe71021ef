export class Subscriptions {
    /**
     * @param {[string, string][]} bookmarks
     * @param {object} client
     * @param {(action: string, fields: Frame) => Promise<Frame>} client.insist
     * @param {(channel: string, type: string, detail: unknown) => void} client.emit
     * @param {(error: unknown) => void} client.fault
     */
    constructor(bookmarks: [string, string][], client: {
        insist: (action: string, fields: Frame) => Promise<Frame>;
        emit: (channel: string, type: string, detail: unknown) => void;
        fault: (error: unknown) => void;
    });
    get channels(): string[];
    /** @returns {[string, string][]} the channels, each with the position to begin at after a reload */
    get bookmarks(): [string, string][];
    /** @param {string} channel */
    join(channel: string): Promise<void>;
    /** @param {string} channel */
    delete(channel: string): void;
    /** The server joins a person to the channel with their id. @param {unknown} user "" for a guest */
    setUser(user: unknown): void;
    /** @param {Message} message one that was pushed */
    push(message: Message): void;
    /** @param {boolean} wasCut whether the client was without a connection */
    resumeAll(wasCut: boolean): Promise<void>;
    /** Hand out what is held back, where the server has no `join` to ask for more. */
    release(): void;
    #private;
}
export type Frame = import("./frames.js").Frame;
export type Message = import("./frames.js").Message;

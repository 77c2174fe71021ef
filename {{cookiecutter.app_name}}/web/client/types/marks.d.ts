export class Marks {
    /**
     * @param {object} connection
     * @param {() => boolean} connection.isReady whether it is online, and somebody is signed in
     * @param {(channel: string, id: string) => Promise<Frame>} connection.send
     * @param {(error: unknown) => void} connection.fault
     */
    constructor(connection: {
        isReady: () => boolean;
        send: (channel: string, id: string) => Promise<Frame>;
        fault: (error: unknown) => void;
    });
    /** The server has told a mark. @param {string} channel @param {string} id */
    hear(channel: string, id: string): void;
    /** @param {string} channel @returns {string} the id of the last message that is read; "": unknown */
    get(channel: string): string;
    /** All messages up to one are read. @param {string} channel @param {string} id */
    move(channel: string, id: string): void;
    /** Send now what is unsent. */
    flush(): void;
    stop(): void;
    /** Another person has other marks. */
    clear(): void;
    #private;
}
export type Frame = import("./frames.js").Frame;

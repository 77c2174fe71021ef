export class Marks {
    /**
     * @param {object} connection
     * @param {() => boolean} connection.isReady whether it is online, and somebody is signed in
     * @param {(mark: Mark) => Promise<Frame>} connection.send
     * @param {(error: unknown) => void} connection.fault
     */
    constructor(connection: {
        isReady: () => boolean;
        send: (mark: Mark) => Promise<Frame>;
        fault: (error: unknown) => void;
    });
    /** The server has told a mark. @param {Mark} mark */
    hear({ channel, message_id, only }: Mark): void;
    /** All messages up to one are read. @param {string} channel @param {string} message_id */
    move(channel: string, message_id: string): void;
    /** One message is read. @param {string} channel @param {string} message_id */
    markOne(channel: string, message_id: string): void;
    /** Send now what is unsent. */
    flush(): void;
    stop(): void;
    /** Another person has other marks. */
    clear(): void;
    #private;
}
export type Frame = import("./frames.js").Frame;
export type Mark = {
    channel: string;
    message_id: string;
    only?: boolean;
};

export class Saved {
    /**
     * @param {ClientStorage | undefined} storage
     * @param {string} address the part of the key that tells one server from another
     */
    static unshared(storage: ClientStorage | undefined, address: string): Saved;
    /** @param {ClientStorage} [storage] @param {string} [key] one of the owner's; else one is found */
    constructor(storage?: ClientStorage, key?: string);
    /** Keep other clients from this key. */
    claim(): void;
    /** Let another client have this key. */
    release(): void;
    /** @returns {State} */
    load(): State;
    /** @param {State} state @returns {boolean} whether the storage took all of it */
    save(state: State): boolean;
    #private;
}
export type Unsent = import("./outbox.js").Unsent;
export type ClientStorage = Pick<Storage, "getItem" | "setItem">;
export type State = {
    name: string;
    cursors: [string, string][];
    outbox: Unsent[];
};

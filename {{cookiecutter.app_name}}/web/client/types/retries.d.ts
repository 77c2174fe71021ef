export class Retries {
    /**
     * @param {() => void} retry
     * @param {boolean} inView whether a user waits for it
     * @returns {{retryMs: number, failures: number}}
     */
    schedule(retry: () => void, inView: boolean): {
        retryMs: number;
        failures: number;
    };
    cancel(): void;
    succeed(): void;
    /** Whether the server has refused the last token. */
    get isRefused(): boolean;
    /** Count a refused token. @returns {boolean} whether to give up */
    refuse(): boolean;
    #private;
}

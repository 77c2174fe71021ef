/** The browser's storage, or memory where the browser blocks it or has no space. */

/** @param {"localStorage" | "sessionStorage"} name */
function open(name) {
  /** @type {Map<string, string>} */ const memory = new Map();
  /** @type {Storage | null} */ let storage = null;
  try {
    storage = globalThis[name];
    storage.setItem("test", "");
    storage.removeItem("test");
  } catch {
    storage = null;
  }
  return {
    /** Whether a reload finds what is stored. */
    get isKept() {
      return storage !== null && memory.size === 0;
    },

    /** @param {string} key @returns {string | null} */
    getItem: (key) => memory.get(key) ?? storage?.getItem(key) ?? null,

    /** @param {string} key @param {string} value */
    setItem(key, value) {
      try {
        if (!storage) throw new Error("blocked");
        storage.setItem(key, value);
        memory.delete(key);
      } catch {
        // An old value would come back with a reload.
        storage?.removeItem(key);
        memory.set(key, value);
      }
    },

    /** @param {string} key @returns {Record<string, any>} {} if it is damaged */
    getObject(key) {
      try {
        return Object(JSON.parse(this.getItem(key) ?? "{}"));
      } catch {
        return {};
      }
    },
  };
}

/** For all tabs. */
export const local = open("localStorage");
/** For this tab. */
export const tab = open("sessionStorage");

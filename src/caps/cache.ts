import { LRUCache } from "lru-cache";
import { DiscoInfo } from "../disco/info.js";
import { wait } from "../iq/wait.js";
import { show } from "../xml/jid.js";
import type { Capability } from "./announcements.js";

/**
 * Where an {@link EntityCapsCache} keeps what it learned, beyond the process: a `Map`, a Keyv, anything with strings
 * by key, sync or async.
 *
 * It needs no trust: what comes from it is verified. Where it fails or stalls, the peer is asked.
 */
export interface CapsStore {
  /** The text of a key, or a promise of it; anything else, such as undefined, where there is none. */
  get(key: string): unknown;
  /** Keeps a text; a promise that it returns is not waited for. */
  set(key: string, value: string): unknown;
}

/** What an application ships and believes without verification; read only. */
export interface TrustedCaps {
  /** The entry of a key, or a promise of it. */
  get(key: string): unknown;
}

/** What an {@link EntityCapsCache} is made of. */
export interface EntityCapsCacheOptions {
  /** Keeps what was learned; without it, memory alone does. */
  readonly store?: CapsStore | undefined;
  /**
   * What wins over all else, by the `key` of the algorithm, the hash in base64 or the store's key: {@link DiscoInfo}s,
   * their JSON as objects or text, or entries of capsdb.
   */
  readonly trusted?: TrustedCaps | undefined;
  /** How many are kept in memory. @default 1000 */
  readonly maxEntries?: number | undefined;
}

/** How long a store may take, in milliseconds, until it has nothing. */
const STORE_TIMEOUT = 1_000;

// Another version of what is kept gets other keys, and neither reads the other's.
const KEY_PREFIX = "xmpp-disco:1:";

/**
 * What hashes stand for (XEP-0115, XEP-0390): learned from peers, verified, and shared by all who announce them.
 *
 * It may be shared between clients.
 *
 * @example
 * const cache = new EntityCapsCache({ store: new Keyv(new KeyvRedis("redis://localhost")) });
 * xmpp.summon(EntityCapsService, { cache });
 */
export class EntityCapsCache {
  readonly #memory: LRUCache<string, DiscoInfo>;
  readonly #store: CapsStore | undefined;
  readonly #trusted: TrustedCaps | undefined;
  /** One reading of a key at a time, however many ask. */
  readonly #reading = new Map<string, Promise<DiscoInfo | undefined>>();

  /** @throws TypeError when a store has no `get` and `set` · RangeError when `maxEntries` is no count */
  constructor(options: EntityCapsCacheOptions = {}) {
    const { store, trusted, maxEntries = 1_000 } = options;
    if (store !== undefined && (typeof store?.get !== "function" || typeof store.set !== "function")) {
      throw new TypeError(`store has no get and set: ${show(store)}`);
    }
    if (trusted !== undefined && typeof trusted?.get !== "function") {
      throw new TypeError(`trusted has no get: ${show(trusted)}`);
    }
    if (!Number.isInteger(maxEntries) || maxEntries < 1) {
      throw new RangeError(`maxEntries is a whole number from 1 on, not ${show(maxEntries)}`);
    }
    this.#store = store;
    this.#trusted = trusted;
    this.#memory = new LRUCache({ max: maxEntries });
  }

  /** How many are kept in memory. */
  get size(): number {
    return this.#memory.size;
  }

  /** What a hash stands for, where memory has it. @internal */
  peek(capability: Capability): DiscoInfo | undefined {
    return this.#memory.get(capability.key);
  }

  /** What a hash stands for, from wherever it is known; never rejects. @internal */
  get(capability: Capability): DiscoInfo | Promise<DiscoInfo | undefined> | undefined {
    const { key } = capability;
    const known = this.#memory.get(key);
    if (known !== undefined) return known;
    if (this.#store === undefined && this.#trusted === undefined) return undefined;
    const running = this.#reading.get(key);
    if (running !== undefined) return running;
    const reading = this.#read(capability).finally(() => this.#reading.delete(key));
    this.#reading.set(key, reading);
    return reading;
  }

  /** Keeps what a hash was verified to stand for. @internal */
  set(capability: Capability, info: DiscoInfo): void {
    if (this.#memory.has(capability.key)) return;
    this.#memory.set(capability.key, info);
    if (this.#trusted !== undefined) {
      // What is trusted wins, also where it was not looked up before.
      void this.#readTrusted(capability).then(
        (trusted) => trusted && this.#memory.set(capability.key, trusted),
      );
    }
    const store = this.#store;
    if (store === undefined) return;
    // Nobody waits for it, and a store that fails costs no answer.
    new Promise((resolve) => resolve(store.set(KEY_PREFIX + capability.key, JSON.stringify(info)))).catch(
      () => {},
    );
  }

  async #read(capability: Capability): Promise<DiscoInfo | undefined> {
    // Both at once, so that one that stalls costs no more than its second.
    const stored = this.#readStore(capability);
    const info = (await this.#readTrusted(capability)) ?? (await stored);
    if (info !== undefined) this.#memory.set(capability.key, info);
    return info;
  }

  async #readTrusted({ key, value, algorithm }: Capability): Promise<DiscoInfo | undefined> {
    const trusted = this.#trusted;
    if (trusted === undefined) return undefined;
    const reads = [KEY_PREFIX + key, key, value].map((name) => attempt(() => trusted.get(name)));
    for (const read of reads) {
      const info = toInfo(await read, algorithm);
      if (info !== undefined) return info;
    }
    return undefined;
  }

  async #readStore({ key, value, algorithm, caps }: Capability): Promise<DiscoInfo | undefined> {
    const store = this.#store;
    if (store === undefined) return undefined;
    const info = toInfo(await attempt(() => store.get(KEY_PREFIX + key)), algorithm);
    return info && caps.vouched(info, value, algorithm);
  }
}

/** What a store gave in time, or undefined. */
async function attempt(read: () => unknown): Promise<unknown> {
  try {
    return await wait(
      new Promise((resolve) => resolve(read())),
      STORE_TIMEOUT,
      undefined,
      () => new Error("the store stalls"),
    );
  } catch {
    return undefined;
  }
}

/** The information that an entry holds, or undefined where it holds none, or one for another hash function. */
function toInfo(entry: unknown, algorithm: string): DiscoInfo | undefined {
  try {
    if (entry instanceof DiscoInfo) return entry.withSource({});
    const json: unknown = typeof entry === "string" ? JSON.parse(entry) : entry;
    // An entry of capsdb says which hash function it is for.
    const { hash = algorithm } = json as { hash?: unknown };
    return String(hash).toLowerCase() === algorithm.toLowerCase() ? DiscoInfo.fromJSON(json) : undefined;
  } catch {
    return undefined;
  }
}

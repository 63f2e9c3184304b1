import type { DiscoInfo } from "../disco/info.js";
import type { Inquiry } from "../disco/lookup.js";
import { IqError, SessionLost } from "../iq/errors.js";
import type { Announcement, Capability } from "./announcements.js";
import type { Slots } from "./slots.js";

/** What a {@link HashQuery} needs of the service that it is part of. */
export interface HashQueryContext {
  readonly slots: Slots;
  readonly hedgeDelay: number;
  /** What is known already of what is announced, at once where nothing has to be read; never rejects. */
  recall(announcement: Announcement): DiscoInfo | Promise<DiscoInfo | undefined> | undefined;
  /** Those who announce one of these hashes. */
  announcersOf(keys: ReadonlySet<string>): Iterable<readonly [jid: string, announcement: Announcement]>;
  /** Sends a request. */
  fetch(jid: string, node: string | undefined, signal: AbortSignal): Promise<DiscoInfo>;
  /** Whether a look-up was answered by what is known, caused a request, or joined one. */
  count(outcome: "hits" | "misses" | "aliased"): void;
  /** Keeps what the hashes of an announcement vouch for, and returns it by their keys. */
  learn(announcement: Announcement, info: DiscoInfo): ReadonlyMap<string, DiscoInfo>;
}

/** Those who wait to hear of one entity. */
export interface Asker {
  readonly announcement: Announcement;
  readonly inquiries: Inquiry<DiscoInfo>[];
  /** How often the entity has announced something else meanwhile. */
  readonly changes: number;
  /** Why the entity itself did not help. */
  error: unknown;
}

/** One announcer who is asked, or waits for a slot to be asked in. */
interface Attempt {
  readonly jid: string;
  readonly announcement: Announcement;
  readonly capability: Capability;
  readonly abort: AbortController;
}

/** How many who were not asked for are tried when those who were do not help. */
const MAX_STRANGERS = 3;

/**
 * Finds out what the hashes of one announcement stand for, for all who want to know one of them: one request at a time,
 * to one announcer after the other, until an answer verifies.
 *
 * Who lies, fails, stalls or leaves costs only itself. What it said of itself is believed of itself alone.
 */
export class HashQuery {
  readonly #keys: ReadonlySet<string>;
  readonly #context: HashQueryContext;
  readonly #onEnd: () => void;
  readonly #askers = new Map<string, Asker>();
  /** Whom askers want to hear of, and nobody has tried for them. */
  readonly #untried = new Set<string>();
  /** One at most for each entity. */
  readonly #attempts = new Map<string, Attempt>();
  /** The attempts that may take a while yet before the next announcer is tried as well. */
  readonly #fresh = new Set<Attempt>();
  readonly #tried = new Set<string>();
  #strangers = 0;
  /** How many askers wait for what is known already. */
  #recalling = 0;
  /** Whether an answer verified that cannot be shared: everybody has to be asked for themselves. */
  #everybody = false;
  #isOver = false;

  /** @param keys of the hashes, see {@link Capability.key} */
  constructor(keys: ReadonlySet<string>, context: HashQueryContext, onEnd: () => void) {
    this.#keys = keys;
    this.#context = context;
    this.#onEnd = onEnd;
  }

  /** Tells what an entity that announces one of the hashes is and can do. */
  ask(jid: string, announcement: Announcement, inquiry: Inquiry<DiscoInfo>, changes = 0): void {
    const waiting = this.#askers.get(jid);
    if (waiting !== undefined) {
      waiting.inquiries.push(inquiry);
      return;
    }
    const asker: Asker = { announcement, inquiries: [inquiry], changes, error: undefined };
    this.#askers.set(jid, asker);
    const recalled = this.#context.recall(announcement);
    if (recalled instanceof Promise) {
      this.#recalling += 1;
      void recalled.then((known) => {
        this.#recalling -= 1;
        this.#recalled(jid, asker, known);
      });
    } else {
      this.#recalled(jid, asker, recalled);
    }
  }

  #recalled(jid: string, asker: Asker, known: DiscoInfo | undefined): void {
    if (this.#askers.get(jid) === asker) {
      const isFirst = this.#tried.size === 0 && this.#untried.size === 0;
      this.#context.count(known !== undefined ? "hits" : isFirst ? "misses" : "aliased");
      if (known !== undefined) this.#tell(jid, asker, known);
      else if (this.#attempts.get(jid)?.announcement !== asker.announcement) this.#untried.add(jid);
    }
    this.#advance();
  }

  /** An entity announces something else from now on: who asked for it is returned, and told nothing. */
  changed(jid: string): Asker | undefined {
    const asker = this.#askers.get(jid);
    if (asker === undefined) return undefined;
    this.#askers.delete(jid);
    this.#untried.delete(jid);
    this.#advance();
    return asker;
  }

  /** An entity is gone: nobody can be told of it any more, and the next is asked. */
  left(jid: string, error: Error): void {
    this.#tried.delete(jid);
    const attempt = this.#attempts.get(jid);
    if (attempt !== undefined) this.#cancel(attempt, error);
    const asker = this.changed(jid);
    if (asker !== undefined) reject(asker, error);
    if (attempt !== undefined) this.#advance();
  }

  /** Rejects all who ask. */
  fail(error: Error): void {
    for (const asker of this.#askers.values()) reject(asker, error);
    this.#end();
  }

  /** Does what is next: another attempt, or the end. */
  #advance(): void {
    while (!this.#isOver && (this.#everybody || this.#fresh.size === 0)) {
      const candidate = this.#nextCandidate();
      if (candidate === undefined) break;
      this.#try(...candidate);
    }
    if (this.#isOver || this.#attempts.size > 0 || this.#recalling > 0) return;
    // All were tried.
    const errors = [...this.#askers.values()].map((asker) => asker.error);
    const error = errors.find((some) => some !== undefined) ?? new IqError("recipient-unavailable");
    for (const asker of this.#askers.values()) reject(asker, asker.error ?? error);
    this.#end();
  }

  #nextCandidate(): readonly [jid: string, announcement: Announcement] | undefined {
    for (const jid of this.#untried) {
      const asker = this.#askers.get(jid);
      if (asker !== undefined) return [jid, asker.announcement];
    }
    if (this.#strangers >= MAX_STRANGERS || this.#everybody || this.#askers.size === 0) return undefined;
    // Somebody may turn out to be known yet.
    if (this.#recalling > 0) return undefined;
    for (const candidate of this.#context.announcersOf(this.#keys)) {
      if (this.#tried.has(candidate[0])) continue;
      this.#strangers += 1;
      return candidate;
    }
    return undefined;
  }

  #try(jid: string, announcement: Announcement): void {
    this.#untried.delete(jid);
    this.#tried.add(jid);
    const capability = announcement.capabilities.find(({ key }) => this.#keys.has(key));
    if (capability === undefined) return;
    const older = this.#attempts.get(jid);
    if (older !== undefined) this.#cancel(older, new Error("it announces something else"));
    const attempt: Attempt = { jid, announcement, capability, abort: new AbortController() };
    const { signal } = attempt.abort;
    this.#attempts.set(jid, attempt);
    this.#fresh.add(attempt);
    this.#context.slots.take((release) => {
      if (signal.aborted || this.#askers.size === 0) {
        release();
        this.#settle(attempt);
        this.#advance();
        return;
      }
      // Who stalls holds up neither those who wait for this hash nor those who wait for a slot.
      const hedge = setTimeout(() => {
        release();
        this.#fresh.delete(attempt);
        this.#advance();
      }, this.#context.hedgeDelay);
      this.#fetch(jid, capability.node, signal)
        .finally(() => {
          clearTimeout(hedge);
          release();
        })
        .then((info) => this.#answered(attempt, info))
        .catch((error: unknown) => this.#failed(attempt, error));
    });
  }

  /** Who does not know the node that it announces is asked for itself instead, where somebody wants to know. */
  async #fetch(jid: string, node: string, signal: AbortSignal): Promise<DiscoInfo> {
    try {
      return await this.#context.fetch(jid, node, signal);
    } catch (error) {
      const isNodeUnknown = error instanceof IqError && error.condition === "item-not-found";
      if (!isNodeUnknown || !this.#askers.has(jid)) throw error;
      return this.#context.fetch(jid, undefined, signal);
    }
  }

  #answered(attempt: Attempt, info: DiscoInfo): void {
    if (attempt.abort.signal.aborted) return;
    this.#settle(attempt);
    const { jid, announcement, capability } = attempt;
    const vouched = this.#context.learn(announcement, info);
    const own = this.#askers.get(jid);
    // It may announce something else by now.
    if (own?.announcement === announcement) this.#tell(jid, own, info);
    if (vouched.size > 0) {
      for (const [asking, asker] of this.#askers) {
        const key = asker.announcement.capabilities.find((other) => vouched.has(other.key))?.key;
        const known = key === undefined ? undefined : vouched.get(key);
        if (known !== undefined) this.#tell(asking, asker, known);
      }
    }
    if (this.#askers.size === 0) {
      this.#end();
      return;
    }
    const { caps, key, value, algorithm } = capability;
    if (!this.#everybody && !vouched.has(key) && caps.verify(info, value, algorithm)) {
      this.#everybody = true;
      for (const [asking, asker] of this.#askers) if (asker.error !== undefined) this.#reject(asking, asker);
    }
    this.#advance();
  }

  #failed(attempt: Attempt, error: unknown): void {
    if (attempt.abort.signal.aborted) return;
    this.#settle(attempt);
    if (error instanceof SessionLost) {
      this.fail(error);
      return;
    }
    const own = this.#askers.get(attempt.jid);
    if (own?.announcement === attempt.announcement) {
      own.error = error;
      // No other answer would do.
      if (this.#everybody) this.#reject(attempt.jid, own);
    }
    this.#advance();
  }

  #tell(jid: string, asker: Asker, info: DiscoInfo): void {
    const own = info.withSource({ jid });
    for (const inquiry of asker.inquiries) inquiry.resolve(own);
    this.#askers.delete(jid);
    this.#untried.delete(jid);
  }

  #reject(jid: string, asker: Asker): void {
    reject(asker, asker.error);
    this.#askers.delete(jid);
  }

  #settle(attempt: Attempt): void {
    // It may be asked again already.
    if (this.#attempts.get(attempt.jid) === attempt) this.#attempts.delete(attempt.jid);
    this.#fresh.delete(attempt);
  }

  #cancel(attempt: Attempt, reason: Error): void {
    this.#settle(attempt);
    attempt.abort.abort(reason);
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#askers.clear();
    this.#untried.clear();
    for (const attempt of this.#attempts.values()) this.#cancel(attempt, new Error("nobody asks any more"));
    this.#onEnd();
  }
}

function reject({ inquiries }: Asker, error: unknown): void {
  for (const inquiry of inquiries) inquiry.reject(error);
}

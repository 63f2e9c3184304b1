import type { DiscoInfo } from "../disco/info.js";
import { IqError, SessionLost } from "../iq/errors.js";
import type { Announcement, Capability } from "./announcements.js";
import type { Slots } from "./slots.js";

/** What a {@link HashQuery} needs of the service that it is part of. */
export interface HashQueryContext {
  readonly slots: Slots;
  readonly hedgeDelay: number;
  announcementOf(jid: string): Announcement | undefined;
  announcersOf(key: string): Iterable<string>;
  /** Sends a request. */
  fetch(jid: string, node: string | undefined, signal: AbortSignal): Promise<DiscoInfo>;
  /** Keeps what the hashes of an announcement vouch for. */
  learn(announcement: Announcement, info: DiscoInfo): void;
  /** What a hash is known to stand for. */
  known(capability: Capability): DiscoInfo | undefined;
}

/** Who waits to hear of one entity. */
interface Asker {
  readonly promise: Promise<DiscoInfo>;
  readonly resolve: (info: DiscoInfo) => void;
  readonly reject: (error: unknown) => void;
  error: unknown;
}

/** How many who were not asked for are tried when those who were do not help. */
const MAX_STRANGERS = 3;

/**
 * Finds out what one hash stands for, for all who want to know: one request at a time, to one announcer after the
 * other, until an answer verifies.
 *
 * Who lies, fails, stalls or leaves costs only itself. What it said of itself is believed of itself alone.
 */
export class HashQuery {
  readonly capability: Capability;
  readonly #context: HashQueryContext;
  readonly #askers = new Map<string, Asker>();
  /** Those who were tried, and what ends the attempt while it runs. */
  readonly #tried = new Map<string, AbortController | undefined>();
  readonly #running = new Set<AbortController>();
  #strangers = 0;
  /** Whether an answer verified that cannot be shared: everybody has to be asked for themselves. */
  #everybody = false;
  readonly #onEnd: () => void;
  /** Resolves when it has ended, one way or the other. */
  readonly ended: Promise<void>;
  #isOver = false;

  constructor(capability: Capability, context: HashQueryContext, onEnd: () => void) {
    this.capability = capability;
    this.#context = context;
    let end!: () => void;
    this.ended = new Promise((resolve) => {
      end = resolve;
    });
    this.#onEnd = () => {
      onEnd();
      end();
    };
  }

  /** What an entity that announces the hash is and can do. */
  ask(jid: string): Promise<DiscoInfo> {
    const waiting = this.#askers.get(jid);
    if (waiting !== undefined) return waiting.promise;
    let resolve!: (info: DiscoInfo) => void;
    let reject!: (error: unknown) => void;
    const promise = new Promise<DiscoInfo>((onInfo, onError) => {
      resolve = onInfo;
      reject = onError;
    });
    promise.catch(() => {});
    this.#askers.set(jid, { promise, resolve, reject, error: undefined });
    if (this.#everybody || this.#running.size === 0) this.#tryNext();
    return promise;
  }

  /** An entity is gone: nobody can be told of it any more, and the next is asked. */
  left(jid: string): void {
    const error = new IqError("recipient-unavailable", { text: `${jid} has gone off line` });
    this.#askers.get(jid)?.reject(error);
    this.#askers.delete(jid);
    if (this.#askers.size === 0) this.#end();
    else this.#tried.get(jid)?.abort(error);
  }

  #tryNext(): void {
    const jid = this.#nextCandidate();
    if (jid !== undefined) {
      this.#try(jid);
      if (this.#everybody) this.#tryNext();
    } else if (this.#running.size === 0) {
      const errors = [...this.#askers.values()].map((asker) => asker.error);
      const error = errors.find((some) => some !== undefined) ?? new IqError("recipient-unavailable");
      for (const asker of this.#askers.values()) asker.reject(asker.error ?? error);
      this.#end();
    }
  }

  #nextCandidate(): string | undefined {
    for (const jid of this.#askers.keys()) {
      if (!this.#tried.has(jid) && this.#nodeAt(jid) !== undefined) return jid;
    }
    if (this.#strangers >= MAX_STRANGERS || this.#everybody || this.#askers.size === 0) return undefined;
    for (const jid of this.#context.announcersOf(this.capability.key)) {
      if (this.#tried.has(jid)) continue;
      this.#strangers += 1;
      return jid;
    }
    return undefined;
  }

  /** The node to ask an entity for, where it still announces the hash. */
  #nodeAt(jid: string): string | undefined {
    const { key } = this.capability;
    return this.#context.announcementOf(jid)?.capabilities.find((announced) => announced.key === key)?.node;
  }

  #try(jid: string): void {
    const attempt = new AbortController();
    this.#tried.set(jid, attempt);
    this.#running.add(attempt);
    this.#context.slots.take((release) => {
      const announcement = this.#context.announcementOf(jid);
      const node = this.#nodeAt(jid);
      if (this.#isOver || announcement === undefined || node === undefined) {
        release();
        this.#settle(jid, attempt);
        if (!this.#isOver) this.#tryNext();
        return;
      }
      // Who stalls holds up neither those who wait for this hash nor those who wait for a slot.
      const hedge = setTimeout(() => {
        release();
        if (!this.#isOver) this.#tryNext();
      }, this.#context.hedgeDelay);
      this.#fetch(jid, node, attempt.signal)
        .finally(() => {
          clearTimeout(hedge);
          release();
          this.#settle(jid, attempt);
        })
        .then((info) => this.#answered(jid, announcement, info))
        .catch((error: unknown) => this.#failed(jid, error));
    });
  }

  #settle(jid: string, attempt: AbortController): void {
    this.#running.delete(attempt);
    this.#tried.set(jid, undefined);
  }

  /** Who does not know the node that it announces is asked for itself instead, where somebody wants to know. */
  async #fetch(jid: string, node: string, signal: AbortSignal): Promise<DiscoInfo> {
    try {
      return await this.#context.fetch(jid, node, signal);
    } catch (error) {
      const isNodeUnknown = error instanceof IqError && error.condition === "item-not-found";
      if (!isNodeUnknown || !this.#askers.has(jid) || this.#isOver) throw error;
      return this.#context.fetch(jid, undefined, signal);
    }
  }

  #answered(jid: string, announcement: Announcement, info: DiscoInfo): void {
    this.#context.learn(announcement, info);
    this.#askers.get(jid)?.resolve(info.withSource({ jid }));
    this.#askers.delete(jid);
    if (this.#isOver) return;
    const vouched = this.#context.known(this.capability);
    if (vouched !== undefined) {
      for (const [asking, asker] of this.#askers) asker.resolve(vouched.withSource({ jid: asking }));
      this.#end();
      return;
    }
    const { caps, value, algorithm } = this.capability;
    this.#everybody ||= caps.verify(info, value, algorithm);
    this.#tryNext();
  }

  #failed(jid: string, error: unknown): void {
    const asker = this.#askers.get(jid);
    if (asker !== undefined) asker.error = error;
    if (this.#isOver) return;
    if (error instanceof SessionLost) {
      for (const waiting of this.#askers.values()) waiting.reject(error);
      this.#end();
    } else {
      this.#tryNext();
    }
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#askers.clear();
    for (const attempt of this.#running) attempt.abort(new Error("somebody else has answered"));
    this.#onEnd();
  }
}

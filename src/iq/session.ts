import type { Entity } from "../services/entity.js";

/** Who wants to know what becomes of the session. */
export interface SessionListener {
  /** Everything that belonged to the session is void. */
  lost(reason: string): void;
  /** The stream goes on where it was cut (XEP-0198). */
  resumed?(): void;
}

const NOT_READY = new Set([
  "connecting",
  "connect",
  "opening",
  "open",
  "closing",
  "close",
  "disconnecting",
  "disconnect",
]);

interface ResumptionEmitter {
  on(event: "resumed", listener: () => void): unknown;
  removeListener(event: "resumed", listener: () => void): unknown;
}

/**
 * Follows the session of a client through xmpp.js' events.
 *
 * `online` is a new session; a stream that resumes emits `resumed` on the stream management and no `online`;
 * after `disconnect` either may follow.
 */
export class Session {
  readonly #client: Entity;
  readonly #listeners = new Set<SessionListener>();
  #state: "new" | "alive" | "suspended" | "lost";
  #number = 0;
  #followed: string | undefined;
  readonly #events = ["online", "disconnect", "offline"].map(
    (name) => [name, () => this.#onEvent(name)] as const,
  );

  constructor(client: Entity) {
    this.#client = client;
    if (client.status === "online") this.#state = "alive";
    else this.#state = this.resumable ? "suspended" : "new";
    // First of all listeners, so that what an application asks in one of its own belongs to the session that it has
    // been told of.
    client.prependListener("status", this.#onStatus);
    for (const [name, listener] of this.#events) client.prependListener(name, listener);
    this.#streamManagement?.on("resumed", this.#onResumed);
  }

  /** Counts the sessions: it rises when one is lost. */
  get number(): number {
    return this.#number;
  }

  /** The number of the session that what an application sets now is for: off line, it is the next one. */
  get numberForPrimes(): number {
    return this.#state === "alive" || this.#state === "lost" ? this.#number : this.#number + 1;
  }

  /** Whether the connection is cut and the stream may be resumed yet. */
  get suspended(): boolean {
    return this.#state === "suspended";
  }

  /** Whether stanzas can be written; elsewhere one would break the negotiation or be lost. */
  get ready(): boolean {
    const { status } = this.#client;
    // A stream that is resumed is "open" yet while xmpp.js tells of it.
    return !NOT_READY.has(status) || (status === "open" && this.#state === "alive");
  }

  /** Resolves when the session goes on or is lost, where the connection is cut; else at once. */
  settled(): Promise<void> | undefined {
    if (!this.suspended) return undefined;
    return new Promise((resolve) => {
      const listener: SessionListener = {
        lost: () => end(),
        resumed: () => end(),
      };
      const end = () => {
        this.unsubscribe(listener);
        resolve();
      };
      this.subscribe(listener);
    });
  }

  /** Whether the server lets the stream be resumed. */
  get resumable(): boolean {
    return Boolean(this.#client.streamManagement?.id);
  }

  get #streamManagement(): ResumptionEmitter | undefined {
    return this.#client.streamManagement as ResumptionEmitter | undefined;
  }

  subscribe(listener: SessionListener): void {
    this.#listeners.add(listener);
  }

  unsubscribe(listener: SessionListener): void {
    this.#listeners.delete(listener);
  }

  dispose(): void {
    this.#client.removeListener("status", this.#onStatus);
    for (const [name, listener] of this.#events) this.#client.removeListener(name, listener);
    this.#streamManagement?.removeListener("resumed", this.#onResumed);
    this.#listeners.clear();
  }

  /** xmpp.js emits `status` right before the event of that name: what the one has told, the other need not. */
  readonly #onStatus = (status: string): void => {
    this.#follow(status);
    this.#followed = status;
  };

  #onEvent(name: string): void {
    if (this.#followed !== name) this.#follow(name);
    this.#followed = undefined;
  }

  #follow(status: string): void {
    if (status === "online") {
      this.#lose("a new session has begun");
      this.#state = "alive";
    } else if (status === "offline") {
      this.#lose("the session was ended");
    } else if (status === "disconnect") {
      if (this.#state === "alive" && this.resumable) this.#state = "suspended";
      else if (this.#state !== "suspended") this.#lose("the connection was lost");
    }
  }

  readonly #onResumed = (): void => {
    this.#state = "alive";
    for (const listener of this.#listeners) listener.resumed?.();
  };

  #lose(reason: string): void {
    if (this.#state === "lost") return;
    this.#state = "lost";
    this.#number += 1;
    for (const listener of this.#listeners) listener.lost(reason);
  }
}

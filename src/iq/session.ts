import type { Entity } from "../services/entity.js";

/** Who wants to know what becomes of the session. */
export interface SessionListener {
  /** Everything that belonged to the session is void. */
  lost(reason: string): void;
  /** The stream goes on where it was cut (XEP-0198). */
  resumed?(): void;
}

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

  constructor(client: Entity) {
    this.#client = client;
    this.#state = client.status === "online" ? "alive" : "new";
    client.on("online", this.#onOnline);
    client.on("disconnect", this.#onDisconnect);
    client.on("offline", this.#onOffline);
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
    this.#client.removeListener("online", this.#onOnline);
    this.#client.removeListener("disconnect", this.#onDisconnect);
    this.#client.removeListener("offline", this.#onOffline);
    this.#streamManagement?.removeListener("resumed", this.#onResumed);
    this.#listeners.clear();
  }

  readonly #onOnline = (): void => {
    this.#lose("a new session has begun");
    this.#state = "alive";
  };

  readonly #onDisconnect = (): void => {
    if (this.#state === "alive" && this.resumable) this.#state = "suspended";
    else if (this.#state !== "suspended") this.#lose("the connection was lost");
  };

  readonly #onOffline = (): void => {
    this.#lose("the session was ended");
  };

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

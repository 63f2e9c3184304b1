import { Emitter } from "strict-event-emitter";

/** Events by name, with what their listeners are given. */
export type Events = Record<string, unknown[]>;

/**
 * A typed event emitter whose listeners cannot disturb each other, nor whoever emits.
 *
 * What a listener throws, or the promise it returns rejects with, goes to the listeners of `error`. An error that
 * nobody listens for is logged, so that it is not lost; it never ends the process.
 */
export class IsolatingEmitter<E extends Events> extends Emitter<E & { error: [error: unknown] }> {
  constructor() {
    super();
    // Many services may listen to one node: no leak, no warning.
    this.setMaxListeners(0);
  }

  override emit<Name extends keyof (E & { error: [error: unknown] })>(
    name: Name,
    ...data: (E & { error: [error: unknown] })[Name]
  ): boolean {
    const listeners = this.rawListeners(name);
    if (listeners.length === 0 && name === "error") this.#report("error", data[0]);
    for (const listener of listeners) {
      try {
        const result: unknown = listener.apply(this, data);
        if (isThenable(result)) result.then(undefined, (error: unknown) => this.#report(name, error));
      } catch (error) {
        this.#report(name, error);
      }
    }
    return listeners.length > 0;
  }

  #report(name: keyof (E & { error: [error: unknown] }), error: unknown): void {
    if (name !== "error" && this.listenerCount("error") > 0) {
      (this as IsolatingEmitter<Events>).emit("error", error);
    } else {
      // biome-ignore lint/suspicious/noConsole: the last resort, where nobody listens for errors
      console.error(error);
    }
  }
}

/** Whether a value is a promise, or behaves like one. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/** What nobody catches: rejections that are not handled, and exceptions from a callback. */
export class Strays {
  #found: unknown[] = [];
  readonly #note = (reason: unknown) => void this.#found.push(reason);

  constructor() {
    process.on("unhandledRejection", this.#note);
    process.on("uncaughtException", this.#note);
  }

  /** What nobody caught since this was called last. */
  async take(): Promise<readonly unknown[]> {
    // They are told when all that is due has run.
    await new Promise((resolve) => setImmediate(resolve));
    if (this.#found.length === 0) return [];
    const found = this.#found;
    this.#found = [];
    return found;
  }

  stop(): void {
    process.off("unhandledRejection", this.#note);
    process.off("uncaughtException", this.#note);
  }
}

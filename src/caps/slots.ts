/** So many at once: what comes beyond waits for its turn. */
export class Slots {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(size: number) {
    this.#free = size;
  }

  /** Calls `start` when there is a slot, with what gives it back; giving it back twice does no harm. */
  take(start: (release: () => void) => void): void {
    const run = () => {
      let held = true;
      start(() => {
        if (!held) return;
        held = false;
        const next = this.#waiting.shift();
        if (next === undefined) this.#free += 1;
        else next();
      });
    };
    if (this.#free > 0) {
      this.#free -= 1;
      run();
    } else {
      this.#waiting.push(run);
    }
  }
}

type Start = (release: () => void) => void;

/** So many at once: what comes beyond waits for its turn. */
export class Slots {
  #free: number;
  /** Those who came last, in order. */
  #late: Start[] = [];
  /** Those who came first, in reverse: an array gives its end away faster than its beginning. */
  #early: Start[] = [];
  #isFilling = false;

  constructor(size: number) {
    this.#free = size;
  }

  /** Calls `start` when there is a slot, with what gives it back; giving it back twice does no harm. */
  take(start: Start): void {
    this.#late.push(start);
    this.#fill();
  }

  #fill(): void {
    // Many may give their slot back at once. Each would call the next, deeper and deeper.
    if (this.#isFilling) return;
    this.#isFilling = true;
    for (let start = this.#next(); start !== undefined; start = this.#next()) {
      this.#free -= 1;
      let isHeld = true;
      start(() => {
        if (!isHeld) return;
        isHeld = false;
        this.#free += 1;
        this.#fill();
      });
    }
    this.#isFilling = false;
  }

  /** Who is next, where there is a slot. */
  #next(): Start | undefined {
    if (this.#free === 0) return undefined;
    if (this.#early.length === 0) {
      this.#early = this.#late.reverse();
      this.#late = [];
    }
    return this.#early.pop();
  }
}

import { Presets, SingleBar } from "cli-progress";

/** How far a search has come. */
export interface Progress {
  /** How many there are to ask, as far as is known. */
  readonly total: number;
  /** How many have been asked. */
  readonly done: number;
  readonly failed: number;
  /** How many are what is looked for. */
  readonly found: number;
}

/** What shows how far a search has come. */
export interface ProgressBar extends Disposable {
  update(progress: Progress): void;
}

/** A bar on the terminal that errors go to, gone when the search is over; nothing where that is none. */
export function progressBar(): ProgressBar {
  if (!process.stderr.isTTY) return { update: () => {}, [Symbol.dispose]: () => {} };
  const bar = new SingleBar(
    {
      format: "{bar} {value} of {total} asked, {found} found, {failed} failed",
      stream: process.stderr,
      clearOnComplete: true,
      hideCursor: true,
      barsize: 24,
      // Who interrupts ends the search, which ends this.
      gracefulExit: false,
    },
    Presets.shades_classic,
  );
  bar.start(1, 0, { failed: 0, found: 0 });
  return {
    update: ({ total, done, failed, found }) => {
      bar.setTotal(Math.max(total, 1));
      bar.update(done, { failed, found });
    },
    [Symbol.dispose]: () => bar.stop(),
  };
}

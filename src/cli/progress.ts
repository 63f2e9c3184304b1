import { Presets, SingleBar } from "cli-progress";

/** How far a search has come. */
export interface Progress {
  update(progress: { readonly found: number; readonly done: number; readonly failed: number }): void;
  stop(): void;
}

/** A bar on the terminal that errors go to; nothing where that is none. */
export function progressBar(): Progress {
  if (!process.stderr.isTTY) return { update: () => {}, stop: () => {} };
  const bar = new SingleBar(
    {
      format: "{bar} {value} of {total} asked, {failed} failed",
      stream: process.stderr,
      clearOnComplete: true,
      hideCursor: true,
      barsize: 24,
    },
    Presets.shades_classic,
  );
  bar.start(1, 0, { failed: 0 });
  return {
    update: ({ found, done, failed }) => {
      bar.setTotal(found);
      bar.update(done, { failed });
    },
    stop: () => bar.stop(),
  };
}

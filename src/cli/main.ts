#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { CommanderError } from "commander";
import { errorColors } from "./colors.js";
import { EXIT, Failure, queryFailure } from "./exit-codes.js";
import { write } from "./output.js";
import { createProgram } from "./program.js";
import { visible } from "./text.js";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};
/** Ends whatever is done; its reason is the {@link Failure} to end with. */
const end = new AbortController();

// The second one ends it at once, whatever it does.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  process.once(signal, () => {
    // The terminal has written ^C where the cursor was.
    if (signal === "SIGINT" && process.stderr.isTTY) process.stderr.write("\n");
    end.abort(new Failure(128 + constants.signals[signal], ""));
  });
}
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  // Who reads has read enough.
  if (error.code === "EPIPE") end.abort(new Failure(EXIT.ok, ""));
  else end.abort(new Failure(EXIT.other, `the output cannot be written: ${error.message}`));
});
process.stderr.on("error", () => {});
process.on("uncaughtException", (error) => end.abort(queryFailure(error, "it")));

let exitCode: number = EXIT.ok;
try {
  await createProgram(version, end.signal).parseAsync();
  end.signal.throwIfAborted();
} catch (error) {
  exitCode = report(end.signal.aborted ? end.signal.reason : error);
}
await write("");
// Whatever is under way yet, nobody waits for.
process.exit(exitCode);

function report(error: unknown): number {
  // It has said what is wrong itself.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  const { message, advice, exitCode } = queryFailure(error, "it");
  if (message !== "") process.stderr.write(`${errorColors.red("xmpp-disco:")} ${visible(message)}\n`);
  if (advice !== undefined) process.stderr.write(`${visible(advice)}\n`);
  return exitCode;
}

#!/usr/bin/env node
import { readFileSync } from "node:fs";
import { CommanderError } from "commander";
import colors from "picocolors";
import { EXIT, queryFailure } from "./exit-codes.js";
import { createProgram } from "./program.js";

const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as {
  version: string;
};
const interrupt = new AbortController();
// The second one ends it whatever it does.
process.once("SIGINT", () => interrupt.abort());
process.once("SIGTERM", () => interrupt.abort());

try {
  await createProgram(version, interrupt.signal).parseAsync();
} catch (error) {
  process.exitCode = report(error);
}

function report(error: unknown): number {
  if (interrupt.signal.aborted) return EXIT.interrupted;
  // It has said what is wrong itself.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof Error && error.name === "ExitPromptError") return EXIT.interrupted;
  const failure = queryFailure(error, "it");
  process.stderr.write(`${colors.red("xmpp-disco:")} ${failure.message}\n`);
  if (failure.advice !== undefined) process.stderr.write(`${failure.advice}\n`);
  return failure.exitCode;
}

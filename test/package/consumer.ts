import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { inject } from "vitest";
import { type Finished, type RunOptions, run } from "../support/terminal.ts";

/** The repository. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
/** What was packed, and where it is installed. */
export const PACKED = inject("packed");
/** The installed package. */
export const INSTALLED = join(PACKED.consumer, "node_modules/xmpp-disco");

/** Writes a file into the project that has installed the package; returns its path. */
export async function writeProgram(name: string, text: string): Promise<string> {
  const path = join(PACKED.consumer, name);
  await writeFile(path, text);
  return path;
}

/** Runs Node.js as a user has it: without what this process passes on to those that it starts. */
export function runNode(
  args: readonly string[],
  { node = process.execPath, env }: RunOptions & { readonly node?: string } = {},
): Promise<Finished> {
  const unset = { NODE_OPTIONS: undefined, NODE_V8_COVERAGE: undefined, NODE_PATH: undefined };
  return run(node, args, { env: { ...unset, NO_COLOR: "1", FORCE_COLOR: undefined, ...env } }).finished;
}

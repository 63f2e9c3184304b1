import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, readlink, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { KEY_LINES } from "./key-lines.ts";

// The examples import the package as everybody does: from dist/, which `npm run build` makes.

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const TSX = join(ROOT, "node_modules/tsx/dist/cli.mjs");
// Each takes a few seconds, and on a busy machine many.
const PATIENCE = 120_000;

/** Those that run on their own; the explorer is for a browser. */
const examples = (await readdir(join(ROOT, "examples"), { withFileTypes: true }))
  .filter((entry) => entry.isDirectory() && entry.name !== "explorer")
  .map((entry) => entry.name)
  .filter((name) => existsSync(join(ROOT, "examples", name, "main.ts")));

interface Run {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
  readonly errors: string;
}

/** Runs an example as a person does who follows its comment. */
async function run(name: string, folder: string): Promise<Run> {
  const child = spawn(process.execPath, [TSX, `examples/${name}/main.ts`], {
    cwd: ROOT,
    // What it starts keeps its files there, and is known by that.
    env: { ...process.env, TMPDIR: folder, NO_COLOR: "1", FORCE_COLOR: undefined },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  let errors = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    errors += text;
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => child.kill("SIGTERM"), PATIENCE - 20_000);
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, output: stripVTControlCharacters(output), errors });
    });
  });
}

/** The command lines of all processes that have to do with a folder: by their arguments, or by where they run. */
async function processesOf(folder: string): Promise<string[]> {
  const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    ids.map(async (id) => {
      const command = await readFile(`/proc/${id}/cmdline`, "utf8").catch(() => "");
      const place = await readlink(`/proc/${id}/cwd`).catch(() => "");
      // One that has ended and waits for its parent has neither.
      return command.includes(folder) || place.startsWith(folder) ? command.replaceAll("\0", " ") : undefined;
    }),
  );
  return found.filter((command) => command !== undefined);
}

describe("the example", () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "xd-examples-"));
  });

  afterEach(() => rm(folder, { recursive: true, force: true, maxRetries: 5 }));

  test.each(examples)(
    "%s runs, shows what it should, and leaves nothing behind",
    async (name) => {
      const keyLines = KEY_LINES[name] ?? [];
      expect(keyLines, `the key lines of the example ${name}`).not.toEqual([]);
      const { code, signal, output, errors } = await run(name, folder);
      expect({ code, signal, errors }, output).toEqual({ code: 0, signal: null, errors: "" });
      for (const line of keyLines) expect(output).toMatch(line);
      await expect.poll(() => processesOf(folder), { timeout: 10_000 }).toEqual([]);
      // tsx keeps its own cache.
      expect((await readdir(folder)).filter((file) => !file.startsWith("tsx-"))).toEqual([]);
    },
    PATIENCE,
  );
});

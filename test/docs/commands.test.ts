import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";

const ROOT = new URL("../../", import.meta.url);
const COMMAND = fileURLToPath(new URL("dist/cli/main.js", ROOT));
const read = (path: string) => readFileSync(new URL(path, ROOT), "utf8");

const files = (folder: string) => readdirSync(new URL(folder, ROOT));
const PAGES = [
  ...["README.md", "CONTRIBUTING.md", "docs/README.md"],
  ...files("docs/guides").map((name) => `docs/guides/${name}`),
  ...files("examples").map((name) => `examples/${name}/README.md`),
];
const { scripts } = JSON.parse(read("package.json")) as { scripts: Record<string, string> };

/** What the command line says of itself, or of a command. */
async function help(...command: string[]): Promise<string> {
  return (await promisify(execFile)(process.execPath, [COMMAND, ...command, "--help"])).stdout;
}

const lines = [...read("README.md").matchAll(/^ +npx xmpp-disco (.+?)(?: +#.*)?$/gm)].map(
  ([, line = ""]) => line,
);

describe("the command line of the README", () => {
  test("is there", () => {
    expect(lines.length).toBeGreaterThan(2);
  });

  test.each(lines)("npx xmpp-disco %s: has commands and options that there are", async (line) => {
    const all = await help();
    const words = line.split(" ");
    const names = [...all.matchAll(/^ {2}([a-z]+) /gm)].map(([, name = ""]) => name);
    const command = words.find((word) => names.includes(word));
    expect(command !== undefined || line === "--help").toBe(true);
    const known = command === undefined ? all : all + (await help(command));
    const options = words.filter((word) => word.startsWith("-"));
    expect(options.filter((option) => !known.includes(option))).toEqual([]);
  });
});

test.each(PAGES)("%s names no script that package.json has not", (page) => {
  const named = [...read(page).matchAll(/\bnpm run ([a-z:]+)/g)].map(([, name = ""]) => name);
  expect(named.filter((name) => scripts[name] === undefined)).toEqual([]);
});

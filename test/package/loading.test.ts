import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { INSTALLED, PACKED, runNode, writeProgram } from "./consumer.ts";

/** Notes what is loaded: ES modules as they are, and what CommonJS has required in the end. */
const RECORD = `
import { appendFileSync } from "node:fs";
import { createRequire, register } from "node:module";
import { pathToFileURL } from "node:url";
const HOOK = \`
  import { appendFileSync } from "node:fs";
  let file;
  export function initialize(data) { file = data; }
  export function load(url, context, next) {
    appendFileSync(file, url + "\\\\n");
    return next(url, context);
  }
\`;
register("data:text/javascript," + encodeURIComponent(HOOK), { data: process.env.LOADED });
const { cache } = createRequire(import.meta.url);
process.on("exit", () => {
  for (const path of Object.keys(cache)) appendFileSync(process.env.LOADED, pathToFileURL(path) + "\\n");
});
`;

const OF_COMMAND_LINE = [
  "@inquirer/password",
  "cli-progress",
  "commander",
  "env-paths",
  "picocolors",
  "string-width",
  "ws",
];

/** What the library exports, of the file that Node.js loads and of the modules: names, kinds, and names of classes. */
const EXPORTS = `
for (const path of process.argv.slice(2)) {
  const entries = Object.entries(await import(path));
  console.log(JSON.stringify(entries.map(([name, value]) => [name, typeof value, value.name])));
}
`;

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** The packages that files under node_modules were loaded of, and the files of this one. */
async function loadedBy(name: string, args: readonly string[]) {
  const record = await writeProgram("record.js", RECORD);
  const file = join(PACKED.consumer, `loaded-by-${name}`);
  await rm(file, { force: true });
  // Node.js 26 deprecates `register`; what it has instead, Node.js 20 does not have.
  const options = ["--no-deprecation", "--import", record];
  const result = await runNode([...options, ...args], { env: { LOADED: file } });
  expect(result).toMatchObject({ stderr: "", exitCode: 0 });
  const paths = (await readFile(file, "utf8"))
    .split("\n")
    .filter((url) => url.startsWith("file:") && url.includes("/node_modules/"))
    .map((url) => fileURLToPath(url));
  const names = paths.map((path) => /.*\/node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? path);
  return {
    packages: [...new Set(names)].sort(),
    own: paths.filter((path) => path.startsWith(INSTALLED)).map((path) => path.slice(INSTALLED.length + 1)),
  };
}

/** The packages, and all that their dependencies bring. */
async function withDependencies(names: readonly string[]): Promise<Set<string>> {
  const all = new Set(names);
  // It grows while it is gone through.
  for (const name of all) {
    const manifest = await readFile(join(PACKED.consumer, "node_modules", name, "package.json"), "utf8");
    for (const dependency of Object.keys((JSON.parse(manifest) as Manifest).dependencies ?? {}))
      all.add(dependency);
  }
  return all;
}

describe("in Node.js", () => {
  let library: Awaited<ReturnType<typeof loadedBy>>;

  beforeAll(async () => {
    const path = await writeProgram(
      "library.js",
      'import { DiscoClient } from "xmpp-disco"; DiscoClient.name;',
    );
    library = await loadedBy("library", [path]);
  });

  test("the library loads its own dependencies and its peers, and no others", async () => {
    const own = ["@noble/hashes", "@xmpp/jid", "@xmpp/xml", "lru-cache", "strict-event-emitter"];
    const installed = own.filter((name) => existsSync(join(PACKED.consumer, "node_modules", name)));
    const allowed = await withDependencies(installed);
    expect(library.packages).toEqual(expect.arrayContaining(["@xmpp/jid", "@xmpp/xml", "xmpp-disco"]));
    expect(library.packages.filter((name) => name !== "xmpp-disco" && !allowed.has(name))).toEqual([]);
    expect([...allowed].filter((name) => OF_COMMAND_LINE.includes(name))).toEqual([]);
  });

  test("the library is one file, since each takes its time to be found and read", () => {
    expect(library.own).toEqual(["dist/bundle.js"]);
  });

  test("that file exports what the modules export, by the same names", async () => {
    const path = await writeProgram("exports.js", EXPORTS);
    const files = ["dist/bundle.js", "dist/index.js"].map((name) => join(INSTALLED, name));
    const { stdout, stderr } = await runNode([path, ...files]);
    expect(stderr).toBe("");
    const [oneFile, modules] = stdout.split("\n").map((line) => (line === "" ? [] : JSON.parse(line)));
    expect(oneFile).toContainEqual(["DiscoClient", "function", "DiscoClient"]);
    expect(oneFile).toEqual(modules);
  });

  test("it is the command that loads the rest of what package.json names", async () => {
    const { packages, own } = await loadedBy("command", [join(INSTALLED, "dist/cli/main.js"), "--help"]);
    expect(own).toContain("dist/cli/main.js");
    // The classes are there once.
    expect(own).not.toContain("dist/bundle.js");
    expect(packages).toEqual(expect.arrayContaining(["commander", "picocolors"]));
    const { dependencies = {} } = JSON.parse(
      await readFile(join(INSTALLED, "package.json"), "utf8"),
    ) as Manifest;
    expect(Object.keys(dependencies)).toEqual(expect.arrayContaining(OF_COMMAND_LINE));
  });
});

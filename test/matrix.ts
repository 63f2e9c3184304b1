// Runs the integration tests with each version of Node.js, and the tests for browsers in Chromium, and writes what came
// out as a table into the README. `npm run matrix`
import { execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { CHROMIUM } from "./browser/chromium.ts";
import { NODE_VERSIONS, nodeFolder } from "./package/node-binaries.ts";

const exec = promisify(execFile);

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const README = join(ROOT, "README.md");
const [START, END] = ["<!-- matrix: what `npm run matrix` writes -->", "<!-- end of matrix -->"];

interface Report {
  readonly testResults: readonly {
    readonly name: string;
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

/** How many tests of one kind passed, of those that there are. */
interface Count {
  passed: number;
  failed: number;
}

/** Runs projects of the test suite, with another Node.js where a folder is given. */
async function run(projects: readonly string[], node: string | undefined): Promise<Report> {
  const folder = await mkdtemp(join(tmpdir(), "xmpp-disco-matrix-"));
  try {
    const file = join(folder, "report.json");
    const args = ["node_modules/vitest/vitest.mjs", "run", "--config", "test/vitest.config.ts"];
    for (const project of projects) args.push("--project", project);
    args.push("--reporter=json", `--outputFile.json=${file}`);
    // What the tests start has to be of this version as well.
    const path = [node, process.env["PATH"]].filter(Boolean).join(delimiter);
    const program = node === undefined ? process.execPath : join(node, "node");
    const child = spawn(program, args, {
      cwd: ROOT,
      env: { ...process.env, PATH: path },
      stdio: ["ignore", "inherit", "inherit"],
    });
    await new Promise((resolve) => child.once("exit", resolve));
    return JSON.parse(await readFile(file, "utf8")) as Report;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Counts the tests by what `kindOf` makes of the file and name. */
function count(report: Report, kindOf: (text: string) => string): Map<string, Count> {
  const counts = new Map<string, Count>();
  for (const { name, assertionResults } of report.testResults) {
    for (const { fullName, status } of assertionResults) {
      if (status !== "passed" && status !== "failed") continue;
      const kind = kindOf(`${name.slice(ROOT.length)} ${fullName}`);
      const known = counts.get(kind) ?? { passed: 0, failed: 0 };
      known[status] += 1;
      counts.set(kind, known);
    }
  }
  return counts;
}

function cell(counts: Map<string, Count>, kind: string): string {
  const { passed, failed } = counts.get(kind) ?? { passed: 0, failed: 0 };
  if (passed + failed === 0) return "–";
  return failed === 0 ? `${passed} passed` : `${passed} passed, **${failed} failed**`;
}

const serverOf = (text: string) => (/ejabberd/i.test(text) ? "ejabberd" : "Prosody");

async function main(): Promise<void> {
  const rows: string[] = [];
  for (const version of NODE_VERSIONS) {
    const node = await nodeFolder(version);
    const counts = count(await run(["integration"], node), serverOf);
    rows.push(`| Node.js ${version} | ${cell(counts, "Prosody")} | ${cell(counts, "ejabberd")} | |`);
  }
  const browser = await run(["chromium", "browser"], undefined);
  const counts = count(browser, (text) => (text.includes("test/browser/") ? "Prosody" : "alone"));
  const { stdout } = await exec(CHROMIUM, ["--version"]);
  const name = stdout.match(/Chromium [\d.]+/)?.[0] ?? "Chromium";
  rows.push(`| ${name} | ${cell(counts, "Prosody")} | | ${cell(counts, "alone")} |`);
  const { stdout: packages } = await exec("dpkg-query", ["-W", "prosody", "ejabberd"]);
  const versionOf = (program: string) =>
    packages.match(new RegExp(`^${program}\\t([\\d.]+)`, "m"))?.[1] ?? "";
  const table = [
    `| | with Prosody ${versionOf("prosody")} | with ejabberd ${versionOf("ejabberd")} | unit tests |`,
    "| --- | --- | --- | --- |",
    ...rows,
  ];
  const readme = await readFile(README, "utf8");
  const [before, rest = ""] = readme.split(START);
  const after = rest.split(END)[1];
  if (before === undefined || after === undefined) throw new Error("the README has no place for the table");
  await writeFile(
    README,
    `${before}${START}\n\n## What it is tested with\n\n${table.join("\n")}\n\n${END}${after}`,
  );
  process.stdout.write(`${table.join("\n")}\n`);
  if (rows.some((row) => row.includes("failed"))) process.exitCode = 1;
}

await main();

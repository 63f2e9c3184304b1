// How long it takes from `git clone` to the first answer, with nothing but the commands of the README: once with an
// empty npm cache, once with what that has filled.
//
//     node scripts/first-answer.mjs [repository]
//
// The repository is a folder or an address; this one unless given. It clones what is committed into an empty temporary
// folder, and leaves nothing behind. Plain JavaScript on Node.js alone: there is nothing installed yet.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const [repository = fileURLToPath(new URL("..", import.meta.url))] = process.argv.slice(2);
const COMMAND = ["npm", "run", "demo"];
/** What npm writes before the demo itself, once everything is set up. */
const SET_UP = /^> \S+ demo$/m;
/** The first line that an entity's answer is in. */
const ANSWER = /^localhost .*server\/im/m;
const PATIENCE = 15 * 60_000;

/** Those that run; what is interrupted leaves none behind. */
const running = new Set();

/** Runs a command in a process group of its own; calls `onOutput` with all that it has written so far. */
function run([command, ...args], options, onOutput = () => {}) {
  const child = spawn(command, args, { ...options, detached: true, stdio: ["ignore", "pipe", "pipe"] });
  running.add(child);
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      output += text;
      onOutput(output);
    });
  }
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => kill(child), PATIENCE);
    child.once("error", reject);
    child.once("close", (code) => {
      clearTimeout(timer);
      running.delete(child);
      if (code === 0) resolve(output);
      else reject(new Error(`${[command, ...args].join(" ")} failed:\n${output}`));
    });
  });
}

function kill(child) {
  try {
    process.kill(-child.pid, "SIGTERM");
  } catch {
    // It has ended.
  }
}

/** Clones and runs the demo once; returns the seconds of each step. */
async function measure(folder, cache) {
  const clone = join(folder, "clone");
  const env = { ...process.env, npm_config_cache: cache, NO_COLOR: "1", FORCE_COLOR: undefined };
  const startedAt = Date.now();
  const passed = () => (Date.now() - startedAt) / 1_000;
  await run(["git", "clone", "--quiet", repository, clone], { cwd: folder, env });
  const cloned = passed();
  const readme = await readFile(join(clone, "README.md"), "utf8");
  if (!readme.includes(COMMAND.join(" "))) throw new Error(`the README does not say ${COMMAND.join(" ")}`);
  let setUp;
  let answered;
  const output = await run(COMMAND, { cwd: clone, env }, (soFar) => {
    if (SET_UP.test(soFar)) setUp ??= passed();
    if (ANSWER.test(soFar)) answered ??= passed();
  });
  if (setUp === undefined || answered === undefined) throw new Error(`no answer was printed:\n${output}`);
  // npm writes it when all packages are there.
  const { mtimeMs } = await stat(join(clone, "node_modules/.package-lock.json"));
  const installed = (mtimeMs - startedAt) / 1_000;
  await rm(clone, { recursive: true, force: true });
  return [cloned, installed - cloned, setUp - installed, answered - setUp, answered];
}

function print(columns, titles) {
  const rows = ["git clone", "npm ci", "build", "Prosody, and the first answer", "together"];
  const width = Math.max(...rows.map((row) => row.length));
  const cell = (text) => text.padStart(16);
  const lines = [
    `${" ".repeat(width)}${titles.map(cell).join("")}`,
    ...rows.map(
      (row, at) => row.padEnd(width) + columns.map((times) => cell(`${times[at].toFixed(1)} s`)).join(""),
    ),
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
}

for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    for (const child of running) kill(child);
  });
}

const hadProsody = (process.env.PATH ?? "").split(":").some((path) => existsSync(join(path, "prosody")));
const [load = 0] = loadavg();
const folder = await mkdtemp(join(tmpdir(), "xmpp-disco-first-answer-"));
try {
  const cache = join(folder, "npm-cache");
  const cold = await measure(folder, cache);
  const warm = await measure(folder, cache);
  print([cold, warm], ["npm cache empty", "npm cache full"]);
  process.stdout.write(
    `Node.js ${process.versions.node}, ${availableParallelism()} processors with a load of ${load.toFixed(1)} before; ` +
      `Prosody was ${hadProsody ? "" : "not "}installed.\n`,
  );
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  for (const child of running) kill(child);
  await rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

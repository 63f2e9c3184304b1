// Publishes what is committed, from a CI that npm trusts. It refuses what should not go out, the cheap reasons first.
//
//     node scripts/release.mjs [--dry-run]
//
// With --dry-run it does all but publish. It works in the folder that it is called in, and is plain JavaScript
// on Node.js alone: it runs before anything is installed.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";

/** Why there is no release. */
class Refusal extends Error {}

/** Runs a command to its end and returns what it prints. */
function outputOf(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0)
    throw new Refusal(`${command} ${args.join(" ")} failed: ${error?.message ?? stderr.trim()}`);
  return stdout.trimEnd();
}

/** Runs a command that prints for itself. */
function run(command, args) {
  process.stdout.write(`> ${command} ${args.join(" ")}\n`);
  const { status, error } = spawnSync(command, args, { stdio: "inherit" });
  if (status !== 0)
    throw new Refusal(`${command} ${args.join(" ")} failed: ${error?.message ?? "see above"}`);
}

function checkTree() {
  const changes = outputOf("git", ["status", "--porcelain"]);
  if (changes !== "") throw new Refusal(`there are changes that are not committed:\n${changes}`);
}

function checkChangelog(version) {
  const heading = readFileSync("CHANGELOG.md", "utf8")
    .split("\n")
    .find((line) => line.startsWith(`## [${version}]`));
  if (heading === undefined) throw new Refusal(`CHANGELOG.md has no section "## [${version}] - <date>"`);
  const [, date] = /^## \[[^\]]+\] - (\d{4}-\d{2}-\d{2})$/.exec(heading) ?? [];
  if (date === undefined || Number.isNaN(Date.parse(date))) {
    throw new Refusal(`"${heading}" in CHANGELOG.md has no date: write "## [${version}] - YYYY-MM-DD"`);
  }
}

function checkTag(version) {
  const tags = outputOf("git", ["tag", "--points-at", "HEAD"]).split("\n").filter(Boolean);
  if (tags.includes(`v${version}`)) return;
  const found = tags.length === 0 ? "it has none" : `it has ${tags.join(", ")}`;
  throw new Refusal(`the commit has to have the tag v${version}, as package.json says; ${found}`);
}

function checkRepository({ repository }) {
  const url = typeof repository === "string" ? repository : repository?.url;
  if (!url) {
    throw new Refusal(
      'package.json has no "repository": npm compares it with where the provenance says it was built',
    );
  }
}

function checkCi() {
  // What npm gets the proof from of which commit and workflow a package was built by.
  if (!process.env.ACTIONS_ID_TOKEN_REQUEST_URL) {
    throw new Refusal(
      "this is no CI that can prove where the package comes from: " +
        "ACTIONS_ID_TOKEN_REQUEST_URL is not set (the job needs the permission id-token: write)",
    );
  }
}

function release(dryRun) {
  const manifest = JSON.parse(readFileSync("package.json", "utf8"));
  checkTree();
  checkChangelog(manifest.version);
  checkTag(manifest.version);
  checkRepository(manifest);
  checkCi();
  run("npm", ["ci"]);
  run("npm", ["run", "check"]);
  run("npm", ["test"]);
  // It builds anew; what it prints is what will be in the package.
  run("npm", ["pack", "--dry-run"]);
  // The tests may have written something that they should not.
  checkTree();
  if (dryRun) process.stdout.write(`${manifest.name}@${manifest.version} could be published\n`);
  // package.json asks for public access and provenance.
  else run("npm", ["publish"]);
}

try {
  const { values } = parseArgs({ options: { "dry-run": { type: "boolean", default: false } } });
  release(values["dry-run"]);
} catch (error) {
  if (!(error instanceof Refusal) && !error.code?.startsWith("ERR_PARSE_ARGS")) throw error;
  process.stderr.write(`No release: ${error.message}\n`);
  process.exitCode = 1;
}

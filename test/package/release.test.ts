import { execFileSync } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { run } from "../support/terminal.ts";

const SCRIPT = fileURLToPath(new URL("../../scripts/release.mjs", import.meta.url));
const REPOSITORY = { type: "git", url: "git+https://git.example/xmpp-disco.git" };

let folder: string;
let project: string;
let env: Record<string, string>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "xmpp-disco-release-"));
  project = join(folder, "project");
  const bin = join(folder, "bin");
  await mkdir(project);
  await mkdir(bin);
  // An npm that notes what it is called with: nothing is published, and the suite does not run within itself.
  const npm = join(bin, "npm");
  await writeFile(npm, `#!/bin/sh\necho "$@" >> ${join(folder, "calls")}\n[ "$*" != "$NPM_FAILS_AT" ]\n`);
  await chmod(npm, 0o755);
  env = {
    PATH: `${bin}${delimiter}${process.env["PATH"]}`,
    ACTIONS_ID_TOKEN_REQUEST_URL: "https://ci.example/token",
    // The user's own configuration of git has no say.
    GIT_CONFIG_GLOBAL: join(folder, "gitconfig"),
    GIT_CONFIG_NOSYSTEM: "1",
  };
  await writeFile(join(folder, "gitconfig"), "[user]\nname = Romeo\nemail = romeo@example.org\n");
  git("init", "--quiet");
  await writeManifest({ repository: REPOSITORY });
  await writeChangelog("## [1.2.3] - 2030-01-31");
  commit();
  git("tag", "v1.2.3");
});

afterEach(() => rm(folder, { recursive: true, force: true }));

function git(...args: readonly string[]): void {
  execFileSync("git", args, { cwd: project, env: { ...process.env, ...env }, stdio: "pipe" });
}

function commit(): void {
  git("add", "--all");
  git("commit", "--quiet", "--message", "A change");
}

/** Commits what was changed, and gives it the tag. */
function commitTagged(): void {
  commit();
  git("tag", "--force", "v1.2.3");
}

function writeManifest(fields: object): Promise<void> {
  const manifest = { name: "a-package", version: "1.2.3", ...fields };
  return writeFile(join(project, "package.json"), JSON.stringify(manifest));
}

function writeChangelog(heading: string): Promise<void> {
  return writeFile(
    join(project, "CHANGELOG.md"),
    `# Changelog\n\n## [Unreleased]\n\n${heading}\n\n- A thing\n\n## [1.2.2] - 2029-12-31\n`,
  );
}

/** Runs the script in the project; `calls` is what npm was called with. */
async function release(args: readonly string[] = [], more: Record<string, string | undefined> = {}) {
  // The script works where it is called.
  const command = `cd "$0" && exec "$@"`;
  const { finished } = run("sh", ["-c", command, project, process.execPath, SCRIPT, ...args], {
    env: { ...env, ...more },
  });
  const { exitCode, stdout, stderr } = await finished;
  const calls = (await readFile(join(folder, "calls"), "utf8").catch(() => "")).split("\n").filter(Boolean);
  return { exitCode, stdout, stderr, calls };
}

const CHECKS = ["ci", "run check", "test", "pack --dry-run"];

/** What is refused costs nothing: npm is not called at all. */
function refused(reason: RegExp) {
  return { exitCode: 1, stderr: expect.stringMatching(reason), calls: [] };
}

describe("a release", () => {
  test("goes through the checks, the tests and the packing, and is published then", async () => {
    expect(await release()).toMatchObject({ exitCode: 0, stderr: "", calls: [...CHECKS, "publish"] });
  });

  test("does all of it but publish when it is a dry run", async () => {
    expect(await release(["--dry-run"])).toMatchObject({
      exitCode: 0,
      stdout: expect.stringContaining("a-package@1.2.3 could be published"),
      stderr: "",
      calls: CHECKS,
    });
  });

  test.each(CHECKS.map((call, at) => [call, CHECKS.slice(0, at + 1)] as const))(
    "ends where npm %s fails",
    async (call, calls) => {
      expect(await release([], { NPM_FAILS_AT: call })).toMatchObject({
        exitCode: 1,
        stderr: `No release: npm ${call} failed: see above\n`,
        calls,
      });
    },
  );
});

describe("a release is refused, before anything is installed or tested,", () => {
  test("where something is not committed", async () => {
    await writeFile(join(project, "forgotten.txt"), "");
    await writeFile(join(project, "CHANGELOG.md"), "");
    expect(await release()).toMatchObject(
      refused(/not committed:\n M CHANGELOG\.md\n\?\? forgotten\.txt\n$/),
    );
  });

  test("where the changelog has no section for the version", async () => {
    await writeChangelog("## [1.2.30] - 2030-01-31");
    commitTagged();
    expect(await release()).toMatchObject(refused(/CHANGELOG\.md has no section "## \[1\.2\.3\] - <date>"/));
  });

  test.each(["## [1.2.3]", "## [1.2.3] - unreleased", "## [1.2.3] - 2030-13-31"])(
    "where the changelog's section has no date: %s",
    async (heading) => {
      await writeChangelog(heading);
      commitTagged();
      expect(await release()).toMatchObject(refused(/in CHANGELOG\.md has no date/));
    },
  );

  test("where the commit has no tag, or another version's", async () => {
    git("tag", "--delete", "v1.2.3");
    expect(await release()).toMatchObject(refused(/has to have the tag v1\.2\.3.*it has none/));
    git("tag", "v1.2.4");
    expect(await release()).toMatchObject(refused(/has to have the tag v1\.2\.3.*it has v1\.2\.4/));
  });

  test("where the tag is on an earlier commit", async () => {
    await writeFile(join(project, "late.txt"), "");
    commit();
    expect(await release()).toMatchObject(refused(/has to have the tag v1\.2\.3/));
  });

  test.each([undefined, {}, ""])("where package.json names no repository: %j", async (repository) => {
    await writeManifest({ repository });
    commitTagged();
    expect(await release()).toMatchObject(refused(/package\.json has no "repository"/));
  });

  test("at a desk, where nothing can prove where the package comes from", async () => {
    const desk = { ACTIONS_ID_TOKEN_REQUEST_URL: undefined };
    expect(await release([], desk)).toMatchObject(refused(/ACTIONS_ID_TOKEN_REQUEST_URL is not set/));
    expect(await release(["--dry-run"], desk)).toMatchObject(
      refused(/ACTIONS_ID_TOKEN_REQUEST_URL is not set/),
    );
  });

  test("where an option is not known", async () => {
    expect(await release(["--dryrun"])).toMatchObject(refused(/--dryrun/));
  });
});

import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const exec = promisify(execFile);
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

// What a consumer writes. It leaves out `import … from "@xmpp/client"`, whose own types (0.14.1) have errors
// of theirs under "nodenext".
const CONSUMER = `
import { DataForm, DiscoClient, DiscoServer, type Entity, registerFeature, Service, withServices } from "xmpp-disco";
declare const entity: Entity & { start(): Promise<void> };
class Receipts extends Service {
  readonly feature = registerFeature(this, "urn:xmpp:receipts");
}
export async function main(): Promise<string | undefined> {
  const xmpp = withServices(entity);
  const disco = xmpp.summon(DiscoClient, { infoCacheSize: 5 });
  xmpp.summon(DiscoServer).registerForm(new DataForm({ formType: "a", fields: { a: "b", c: ["d"] } }));
  xmpp.summon(Receipts).feature.enabled = false;
  await xmpp.start();
  disco.on("info", (jid, node, info) => [jid.length, node?.length, info.features]);
  const info = await disco.queryInfo("example.org", { timeout: 5, signal: AbortSignal.timeout(5) });
  return info.form("x")?.get("y")[0] ?? info.element?.toString();
}
`;

/** What must not change by importing: globals, and nothing may keep the process alive. */
const IMPORT = `
const before = Reflect.ownKeys(globalThis).length;
const { DiscoClient } = await import("xmpp-disco");
if (typeof DiscoClient !== "function") throw new Error("no DiscoClient");
if (Reflect.ownKeys(globalThis).length !== before) throw new Error("a global has come or gone");
console.log(JSON.stringify(process.getActiveResourcesInfo().filter((name) => /Timeout|Immediate|TCP|UDP|Worker/.test(name))));
`;

describe("the package, installed from its tarball into an empty project", () => {
  let folder: string;
  let files: string[];

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "xmpp-disco-package-"));
    const packed = await exec("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], {
      cwd: ROOT,
    });
    const [tarball] = JSON.parse(packed.stdout) as { filename: string; files: { path: string }[] }[];
    if (tarball === undefined) throw new Error("npm pack gave nothing");
    files = tarball.files.map((file) => file.path);
    await writeFile(
      join(folder, "package.json"),
      JSON.stringify({ name: "consumer", private: true, type: "module" }),
    );
    await exec("npm", ["install", "--no-audit", "--no-fund", join(folder, tarball.filename)], {
      cwd: folder,
    });
    await writeFile(join(folder, "main.ts"), CONSUMER);
    await writeFile(join(folder, "import.js"), IMPORT);
  }, 120_000);

  afterAll(() => rm(folder, { recursive: true, force: true }));

  test.each([
    ["nodenext", "nodenext"],
    ["bundler", "esnext"],
  ])(
    "type-checks in strict mode, libraries included, with moduleResolution %s",
    async (moduleResolution, module) => {
      const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
      const options = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--skipLibCheck", "false"];
      const target = ["--target", "es2022", "--module", module, "--moduleResolution", moduleResolution];
      const checked = await exec(process.execPath, [tsc, ...options, ...target, "main.ts"], {
        cwd: folder,
      }).catch((error: { stdout: string }) => error);
      expect(checked.stdout).toBe("");
    },
  );

  test("importing it starts nothing and changes no global", async () => {
    const { stdout } = await exec(process.execPath, ["import.js"], { cwd: folder });
    expect(JSON.parse(stdout)).toEqual([]);
  });

  test("it brings what is needed and nothing else", async () => {
    const strays = files.filter((file) => !/^(dist|src)\//.test(file));
    expect(strays.sort()).toEqual(["CHANGELOG.md", "LICENSE", "README.md", "package.json"]);
    expect(files.some((file) => /tsconfig|tsbuildinfo|\.test\./.test(file))).toBe(false);
    const { version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as { version: string };
    const lock = await readFile(join(folder, "node_modules/xmpp-disco/package.json"), "utf8");
    expect((JSON.parse(lock) as { version: string }).version).toBe(version);
  });
});

import { access, constants, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { INSTALLED, PACKED, runNode, writeProgram } from "./consumer.ts";

/** The library as one file, for Node.js. */
const ONE_FILE = ["dist/bundle.js", "dist/bundle.js.map"];
/** What stands in the package beside code. */
const TEXTS = ["CHANGELOG.md", "LICENSE", "README.md", "package.json"];

function read(path: string): Promise<string> {
  return readFile(join(INSTALLED, path), "utf8");
}

describe("the tarball", () => {
  test("has each module's source, code, types and maps, all of them as one file, four texts, and nothing else", async () => {
    const sources = (await readdir(join(PACKED.source, "src"), { recursive: true })).filter((name) =>
      name.endsWith(".ts"),
    );
    expect(sources).toContain("index.ts");
    const code = sources.flatMap((source) => [
      `src/${source}`,
      ...["js", "js.map", "d.ts", "d.ts.map"].map((ending) => `dist/${source.replace(/ts$/, ending)}`),
    ]);
    expect(PACKED.files.map(({ path }) => path).sort()).toEqual([...TEXTS, ...ONE_FILE, ...code].sort());
    const kib = (bytes: number) => `${(bytes / 1024).toFixed(1)} KiB`;
    process.stderr.write(
      `The package: ${PACKED.files.length} files, ${kib(PACKED.size)} packed, ${kib(PACKED.unpackedSize)} unpacked\n`,
    );
  });

  test("is built anew: what an earlier build left is gone", async () => {
    await expect(access(join(PACKED.source, "dist/index.js"))).resolves.toBeUndefined();
    await expect(access(join(PACKED.source, "dist/bundle.js"))).resolves.toBeUndefined();
    await expect(access(join(PACKED.source, "dist/gone"))).rejects.toThrow("ENOENT");
  });

  test("has the texts as they are in the repository", async () => {
    for (const name of TEXTS) {
      expect(await read(name)).toBe(await readFile(join(PACKED.source, name), "utf8"));
    }
  });

  test("brings the command: its file is executable and names its interpreter", async () => {
    const { bin } = JSON.parse(await read("package.json")) as { bin: Record<string, string> };
    expect(bin).toEqual({ "xmpp-disco": "./dist/cli/main.js" });
    const [path = ""] = Object.values(bin);
    expect(await read(path)).toMatch(/^#!\/usr\/bin\/env node\n/);
    // npm makes a command executable when it installs it; the file is so from the build on.
    expect((await stat(join(PACKED.source, path))).mode & 0o111).toBe(0o111);
    expect(PACKED.files.filter(({ mode }) => (mode & 0o111) !== 0).map((file) => file.path)).toEqual([
      "dist/cli/main.js",
    ]);
    const command = join(PACKED.consumer, "node_modules/.bin/xmpp-disco");
    await expect(access(command, constants.X_OK)).resolves.toBeUndefined();
  });

  test.each([
    ["the library", "can be imported", "xmpp-disco", ""],
    ["its package.json", "can be imported", "xmpp-disco/package.json", ""],
    ["the command", "cannot", "xmpp-disco/dist/cli/main.js", "ERR_PACKAGE_PATH_NOT_EXPORTED"],
    ["a module of the library", "cannot", "xmpp-disco/dist/disco/client.js", "ERR_PACKAGE_PATH_NOT_EXPORTED"],
  ])("imports: %s %s", async (_, __, name, code) => {
    const path = await writeProgram(
      "resolve.js",
      `try { import.meta.resolve(${JSON.stringify(name)}); } catch (error) { process.stdout.write(error.code); }`,
    );
    expect(await runNode([path])).toEqual({ stdout: code, stderr: "", exitCode: 0 });
  });
});
